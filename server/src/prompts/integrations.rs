//! What an agent that builds an automation is told of other services.

use std::fmt::Write as _;

use crate::settings::Integrations;

/// Which services there are, and what to document by hand. It goes with the rules, once a conversation.
pub fn integrations(known: &Integrations) -> String {
    let mut text = "\n\nThe automation may use these services of the installation:\n".to_owned();
    let mut tell = |name: &str, variable: Option<&str>, more: &str| {
        let line = match variable {
            Some(variable) => format!(
                "- {name} is set up. The token is the value of the environment variable `{variable}` of \
                 your commands: let the automation read it from there, never print it, and never write \
                 it into a file.{more}\n"
            ),
            None => format!(
                "- {name} is not set up. Skip what would call it, and don't ask for a token. Document \
                 instead how a person does this by hand: what to create there, with which rights, and \
                 where its token and names go.\n"
            ),
        };
        text.push_str(&line);
    };
    tell("GitHub", known.github_variable(), "");
    let mut channel = String::new();
    if let Some(known) = &known.slack_channel {
        write!(channel, " Messages go to the channel `{known}`.")
            .expect("a string takes everything");
    } else {
        channel.push_str(" No channel is named: let the person choose one in the configuration.");
    }
    tell("Slack", known.slack_variable(), &channel);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_up_is_used_and_the_rest_is_documented() {
        let known = Integrations {
            github: true,
            ..Integrations::default()
        };
        insta::assert_snapshot!(integrations(&known), @r"
        The automation may use these services of the installation:
        - GitHub is set up. The token is the value of the environment variable `GITHUB_TOKEN` of your commands: let the automation read it from there, never print it, and never write it into a file.
        - Slack is not set up. Skip what would call it, and don't ask for a token. Document instead how a person does this by hand: what to create there, with which rights, and where its token and names go.
        ");
    }

    #[test]
    fn slack_comes_with_its_channel() {
        let known = Integrations {
            slack: true,
            slack_channel: Some("#deployments".to_owned().try_into().unwrap()),
            ..Integrations::default()
        };
        insta::assert_snapshot!(integrations(&known), @r"
        The automation may use these services of the installation:
        - GitHub is not set up. Skip what would call it, and don't ask for a token. Document instead how a person does this by hand: what to create there, with which rights, and where its token and names go.
        - Slack is set up. The token is the value of the environment variable `SLACK_BOT_TOKEN` of your commands: let the automation read it from there, never print it, and never write it into a file. Messages go to the channel `#deployments`.
        ");
    }
}
