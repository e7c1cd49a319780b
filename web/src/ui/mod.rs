//! The components that every page draws from: one file each, functions and small builders that return markup.
//!
//! What lives here: how things look and what they say to a screen reader. What may not: any lookup, any rule about who
//! may do what, any address of a page except those that are passed in.
//!
//! Builders are put into a page as they are: `(ui::button("Save").primary())`. Everything works without JavaScript; what
//! the script adds hangs on `data-` attributes that the components write themselves.

mod banner;
mod button;
mod card;
mod clock;
mod code;
mod confirm;
mod empty;
mod field;
mod figure;
mod form;
mod header;
mod icon;
mod issue;
mod job;
mod key_values;
mod live;
mod log;
mod meter;
mod pagination;
mod palette;
mod prose;
mod qr;
mod sparkline;
mod status;
mod stepper;
mod steps;
mod table;
mod tabs;
mod tile;
mod timeline;
mod toast;
mod tone;

pub use banner::{Banner, banner, problem};
pub use button::{Button, button, link_button};
pub use card::{Card, card};
pub use clock::{Clock, span_of};
pub use code::{code_block, copyable, copyable_as};
pub use confirm::Confirm;
pub use empty::{Empty, empty};
pub use field::{Choice, Field};
pub use figure::{Figure, figure, figures};
pub use form::{Form, filters};
pub use header::{PageHeader, header};
pub use icon::Icon;
pub use issue::{IssueRow, issue_lines, issues};
pub use job::{JobView, job_live, job_panel, job_rows};
pub use key_values::{KeyValues, key_values};
pub use live::live;
pub use log::{LogChunk, LogView, log_chunk};
pub use meter::{Meter, progress};
pub use pagination::{Pagination, pagination};
pub use palette::{PaletteItem, PaletteWay, palette_results};
pub use prose::prose;
pub use qr::qr;
pub use sparkline::{Sparkline, sparkline};
pub use status::{Status, app_status, status, status_dot};
pub use stepper::stepper;
pub use steps::{StepRow, steps};
pub use table::{Cell, Column, Row, Table, table};
pub use tabs::{Tab, tabs};
pub use tile::{Tile, app_icon, avatar, tiles};
pub use timeline::{Moment, timeline};
pub use toast::{toast, toast_template};
pub use tone::Tone;
