//! Line icons, drawn on a 24 px grid with the text's colour.

use leptos::prelude::*;

use crate::domain::action::Verb;

/// Which icon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icon {
    Alert,
    Bell,
    Book,
    Chart,
    Check,
    Chevron,
    Clock,
    Cross,
    Dots,
    Down,
    Download,
    Eye,
    File,
    FilePlus,
    Flag,
    Globe,
    Grip,
    Hourglass,
    Inbox,
    Key,
    List,
    Message,
    Monitor,
    Moon,
    Nodes,
    Pause,
    Pencil,
    People,
    Play,
    Plus,
    Question,
    Queue,
    Search,
    Slash,
    Sliders,
    Spark,
    Stop,
    Sun,
    Terminal,
    Tick,
    Tool,
    Top,
    Up,
}

impl Icon {
    /// The icon of what a tool call does.
    pub const fn of_verb(verb: Verb) -> Self {
        match verb {
            Verb::Editing => Self::Pencil,
            Verb::Writing => Self::FilePlus,
            Verb::Reading => Self::File,
            Verb::Running => Self::Terminal,
            Verb::Searching => Self::Search,
            Verb::Fetching => Self::Globe,
            Verb::Delegating => Self::People,
            Verb::Planning => Self::Tick,
            Verb::Asking => Self::Question,
            Verb::Requesting => Self::Key,
            Verb::Reporting => Self::Flag,
            Verb::Using => Self::Tool,
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Alert => {
                "M12 9v4M12 17h.01M10.3 3.9 1.8 18a2 2 0 0 0 1.7 3h17a2 2 0 0 0 1.7-3L13.7 3.900a2 2 0 0 0-3.4 0z"
            }
            Self::Book => "M4 19.5V5a3 3 0 0 1 3-3h13v20H6.500a2.500 2.500 0 0 1 0-5H20",
            Self::Chart => "M2 20h20M5 16v-5M12 16V5M19 16V9",
            Self::Check => "M20 6 9 17l-5-5",
            Self::Chevron => "m9 18 6-6-6-6",
            Self::Clock => "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zM12 6v6l4 2",
            Self::Cross => "M18 6 6 18M6 6l12 12",
            Self::Dots => "M12 12h.01M19 12h.01M5 12h.01",
            Self::Down => "M12 5v14M19 12l-7 7-7-7",
            Self::Download => "M12 3v12M7 10l5 5 5-5M5 21h14",
            Self::Eye => {
                "M2 12s3.5-7 10-7 10 7 10 7-3.5 7-10 7S2 12 2 12zM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6z"
            }
            Self::File => "M15 2H6a2 2 0 0 0-2 2v16a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2V7zM14 2v6h6",
            Self::FilePlus => {
                "M15 2H6a2 2 0 0 0-2 2v16a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2V7zM14 2v6h6M12 12v6M9 15h6"
            }
            Self::Flag => "M4 15s1-1 4-1 5 2 8 2 4-1 4-1V3s-1 1-4 1-5-2-8-2-4 1-4 1zM4 22v-7",
            Self::Globe => {
                "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zM2 12h20M12 2a15 15 0 0 1 0 20 15 15 0 0 1 0-20z"
            }
            Self::Grip => "M9 6h.01M9 12h.01M9 18h.01M15 6h.01M15 12h.01M15 18h.01",
            Self::Hourglass => {
                "M5 22h14M5 2h14M17 22v-4.200a2 2 0 0 0-.6-1.400L12 12l-4.4 4.400a2 2 0 0 0-.6 1.400V22M7 2v4.200a2 2 0 0 0 .6 1.400L12 12l4.4-4.400a2 2 0 0 0 .6-1.400V2"
            }
            Self::Bell => "M6 8a6 6 0 0 1 12 0c0 7 3 9 3 9H3s3-2 3-9M10.3 21a1.94 1.94 0 0 0 3.4 0",
            Self::Inbox => {
                "M22 12h-6l-2 3h-4l-2-3H2M5.45 5.11 2 12v6a2 2 0 0 0 2 2h16a2 2 0 0 0 2-2v-6l-3.45-6.890A2 2 0 0 0 16.76 4H7.240a2 2 0 0 0-1.79 1.110z"
            }
            Self::Key => {
                "M7.5 10a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM21 2l-9.6 9.600M15.5 7.500l3 3L22 7l-3-3"
            }
            Self::List => "M8 6h13M8 12h13M8 18h13M3 6h.01M3 12h.01M3 18h.01",
            Self::Message => "M21 15a2 2 0 0 1-2 2H7l-4 4V5a2 2 0 0 1 2-2h14a2 2 0 0 1 2 2z",
            Self::Monitor => "M3 4h18v12H3zM8 20h8M12 16v4",
            Self::Moon => "M12 3a6 6 0 0 0 9 9 9 9 0 1 1-9-9z",
            Self::Nodes => "M3 3h6v6H3zM15 15h6v6h-6zM9 6h4a3 3 0 0 1 3 3v6",
            Self::Pause => "M9 5v14M15 5v14",
            Self::Pencil => "M17 3a2.85 2.83 0 1 1 4 4L7.5 20.5 2 22l1.5-5.500z",
            Self::People => {
                "M16 21v-2a4 4 0 0 0-4-4H6a4 4 0 0 0-4 4v2M9 3a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM22 21v-2a4 4 0 0 0-3-3.900M16 3.100a4 4 0 0 1 0 7.8"
            }
            Self::Play => "m6 3 14 9-14 9z",
            Self::Plus => "M12 5v14M5 12h14",
            Self::Question => {
                "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zM9.1 9a3 3 0 0 1 5.8 1c0 2-3 3-3 3M12 17h.01"
            }
            Self::Queue => "M3 5h10v4H3zM3 12h18M3 16h18M3 20h18",
            Self::Search => "M11 3a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM21 21l-4.3-4.3",
            Self::Slash => "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zM4.9 4.900l14.2 14.2",
            Self::Sliders => "M4 7h9M17 7h3M15 5v4M4 17h3M11 17h9M9 15v4",
            Self::Spark => "m12 3 2 6 6 2-6 2-2 6-2-6-6-2 6-2z",
            Self::Stop => "M6 6h12v12H6z",
            Self::Sun => {
                "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M4.9 4.900l1.4 1.400M17.7 17.700l1.4 1.400M2 12h2M20 12h2M6.3 17.700l-1.4 1.400M19.1 4.900l-1.4 1.4"
            }
            Self::Terminal => "m4 17 6-6-6-6M12 19h8",
            Self::Tick => "m3 17 2 2 4-4M3 7l2 2 4-4M13 6h8M13 12h8M13 18h8",
            Self::Tool => {
                "M14.7 6.300a1 1 0 0 0 0 1.400l1.6 1.600a1 1 0 0 0 1.4 0l3.8-3.800a6 6 0 0 1-7.9 7.900l-6.9 6.900a2.1 2.1 0 0 1-3-3l6.9-6.900a6 6 0 0 1 7.9-7.900z"
            }
            Self::Top => "M5 4h14M12 20V9M6 14l6-6 6 6",
            Self::Up => "M12 19V5M5 12l7-7 7 7",
        }
    }
}

/// Decorative: the words beside it say the same.
#[component]
pub fn Glyph(#[prop(into)] icon: Signal<Icon>) -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
            <path d=move || icon.get().path() />
        </svg>
    }
    .into_any()
}
