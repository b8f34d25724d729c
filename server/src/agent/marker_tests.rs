use proptest::prelude::*;

use super::super::request::{DependencyKind, FailureKind, QuestionCategory};
use super::*;

fn one(text: &str) -> Result<Marker, ProtocolWarning> {
    let mut found = find(text);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[test]
fn a_dependency_is_read() {
    let text = "I need a key.\n\n[DEPENDENCY_REQUEST]\ntype: api_key\nname: MAPS_KEY\n\
                description: For the map.\n  Get it at https://example.org/keys: free.\n\
                required: false\n[/DEPENDENCY_REQUEST]\nThanks.";
    let expected = DependencyRequest {
        kind: DependencyKind::ApiKey,
        name: "MAPS_KEY".into(),
        description: "For the map.\n  Get it at https://example.org/keys: free.".into(),
        required: false,
    };
    assert_eq!(one(text), Ok(Marker::Dependency(expected)));
}

#[test]
fn options_are_read_in_both_forms() {
    let ask = |options: &str| {
        let text = format!(
            "[USER_QUESTION]\r\ncategory: choice\r\nquestion: Which?\r\noptions: {options}\r\n\
             default: b\r\n[/USER_QUESTION]"
        );
        match one(&text) {
            Ok(Marker::Question(question)) => question,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(ask("[a, \"b\", ]").options, ["a", "b"]);
    assert_eq!(ask("\n- a, or so\n  - b").options, ["a, or so", "b"]);
    let question = ask("[]");
    assert_eq!(question.options, Vec::<String>::new());
    assert_eq!(question.category, QuestionCategory::Choice);
    assert_eq!(question.default.as_deref(), Some("b"));
    assert!(question.required);
}

#[test]
fn an_error_and_a_phase_are_read() {
    let text = "[ERROR]\ntype: execution_failed\nmessage: npm is missing\n[/ERROR]\n\
                   === PHASE 2 COMPLETE ===  ";
    let failure = FailureReport {
        kind: FailureKind::ExecutionFailed,
        message: "npm is missing".into(),
        details: None,
    };
    assert_eq!(
        find(text),
        [
            Ok(Marker::Failure(failure)),
            Ok(Marker::PhaseComplete { phase: 2 })
        ]
    );
}

#[test]
fn nothing_inside_code_or_a_sentence_counts() {
    for text in [
        "```\n=== PHASE 1 COMPLETE ===\n```",
        "~~~~\n~~~\n=== PHASE 1 COMPLETE ===\n~~~~",
        "```text\n[ERROR]\n[/ERROR]\n",
        "    === PHASE 1 COMPLETE ===",
        "\t=== PHASE 1 COMPLETE ===",
        "I write === PHASE 1 COMPLETE === later",
        "> === PHASE 1 COMPLETE ===",
        "`=== PHASE 1 COMPLETE ===`",
        "=== Phase 1 complete ===",
        "The block [ERROR] is for errors.",
    ] {
        assert_eq!(find(text), [], "{text}");
    }
    assert_eq!(find("```inline``` code\n=== PHASE 1 COMPLETE ===").len(), 1);
    assert_eq!(find("```\ncode\n```\n=== PHASE 1 COMPLETE ===").len(), 1);
}

#[test]
fn a_closing_line_in_fenced_code_is_part_of_the_block() {
    let text =
        "[ERROR]\ntype: validation_error\nmessage: m\ndetails:\n```\n[/ERROR]\n```\n[/ERROR]";
    let Ok(Marker::Failure(failure)) = one(text) else {
        panic!()
    };
    assert_eq!(failure.details.as_deref(), Some("```\n[/ERROR]\n```"));
}

#[test]
fn what_is_wrong_is_told() {
    let dependency = |body: &str| {
        one(&format!(
            "[DEPENDENCY_REQUEST]\n{body}\n[/DEPENDENCY_REQUEST]"
        ))
    };
    let long = "x".repeat(FIELD_LIMIT + 1);
    let huge = format!("{}\n", "x".repeat(1000)).repeat(101);
    let told = [
        one("[ERROR]\nmessage: x"),
        one("[/ERROR]"),
        dependency(""),
        dependency("type: api_key\nname:"),
        dependency("type: money\nname: n\ndescription: d"),
        dependency("type: file\nname: n\ndescription: d\nrequired: maybe"),
        dependency("type: file\ntype: file"),
        dependency("please give me a key"),
        dependency(&format!("type: file\nname: {long}\ndescription: d")),
        dependency(&huge),
        one("=== PHASE one COMPLETE ==="),
        one("=== PHASE 0 COMPLETE ==="),
        one("=== PHASE +1 COMPLETE ==="),
    ];
    let told: Vec<_> = told
        .into_iter()
        .map(|warning| warning.unwrap_err().to_string())
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_block_inside_a_block_ends_the_first() {
    let found = find("[ERROR]\n[USER_QUESTION]\ncategory: business\nquestion: q\n[/USER_QUESTION]");
    assert_eq!(
        found[0],
        Err(ProtocolWarning::Unterminated {
            kind: BlockKind::Failure
        })
    );
    assert!(matches!(found[1], Ok(Marker::Question(_))));
    assert_eq!(found.len(), 2);
}

proptest! {
    #[test]
    fn any_text_is_survived(text in any::<String>()) {
        find(&text);
    }

    #[test]
    fn any_mix_of_marker_lines_is_survived(lines in prop::collection::vec(
        prop_oneof![
            Just("[ERROR]"), Just("[/ERROR]"), Just("[USER_QUESTION]"), Just("[/USER_QUESTION]"),
            Just("[DEPENDENCY_REQUEST]"), Just("[/DEPENDENCY_REQUEST]"), Just("```"), Just("~~~~"),
            Just("=== PHASE 1 COMPLETE ==="), Just("type: file"), Just("question: é"), Just("- a"),
            Just("options: [a, b"), Just(""), Just(": :"), Just("    [ERROR]"),
        ],
        0..30,
    )) {
        let text = lines.join("\n");
        let opened = lines.iter().filter(|line| line.starts_with('[')).count();
        let phases = lines.iter().filter(|line| line.starts_with('=')).count();
        prop_assert!(find(&text).len() <= opened + phases);
    }

    #[test]
    fn what_is_written_is_read(
        name in "[A-Z_]{1,20}",
        description in "[a-z][a-z .,é]{0,80}[a-z](\n[a-z]{1,20} [a-z]{1,20})?",
        required in any::<bool>(),
    ) {
        let text = format!(
            "before\n[DEPENDENCY_REQUEST]\ntype: service\nname: {name}\ndescription: {description}\n\
             required: {required}\n[/DEPENDENCY_REQUEST]\nafter"
        );
        let expected = DependencyRequest { kind: DependencyKind::Service, name, description, required };
        prop_assert_eq!(find(&text), vec![Ok(Marker::Dependency(expected))]);
    }
}
