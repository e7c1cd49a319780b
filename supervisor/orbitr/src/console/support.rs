//! The support bundle: into a folder, or over root onto a USB stick (overlays/image/README.md). The supervisor gathers it.

use std::time::Duration;

use orbitr_console::{Came, Event};
use orbitr_model::{Act, ByteSize, JobId, Problem, SaveSupportRequest, Timestamp};
use serde_json::Value;
use tokio::{fs, io::AsyncWriteExt, time::sleep};

use super::work::{Works, problem};

/// How often the act is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How long the act may take: as its unit says, and a little more.
const ACT: Duration = Duration::from_secs(610);
const CARE: &str = "Look into it before you send it to anybody.";

/// Into the folder where the person stands, readable to nobody else.
pub(super) async fn into_folder(works: &Works) -> Result<Came, Problem> {
    let wrong = |error: std::io::Error| {
        Problem::new(500, "bundle-not-written", "The bundle could not be written").why(error.to_string())
    };
    let mut answer = works.client().stream(&["box", "support-bundle"], &[]).await.map_err(problem)?;
    let now = Timestamp::now().strftime("%Y%m%d-%H%M%S");
    let path = std::env::current_dir().map_err(wrong)?.join(format!("orbitr-support-{now}.tar.gz"));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).await.map_err(wrong)?;
    while let Some(part) = answer.chunk().await.map_err(|error| problem(works.client().unreachable(&error)))? {
        file.write_all(&part).await.map_err(wrong)?;
    }
    file.sync_all().await.map_err(wrong)?;
    let lines = vec![path.display().to_string(), String::new(), CARE.to_owned()];
    Ok(Came::Done { title: "The support bundle is written".to_owned(), lines })
}

/// Onto the stick that is plugged in.
pub(super) async fn onto_stick(works: &Works) -> Result<Came, Problem> {
    // Gathering takes a while: not for nothing.
    if !works.acts().has_stick().unwrap_or(true) {
        return Err(orbitr_privileged::Error::NoStick.into());
    }
    tell(works, "Gathering what the box knows of itself", None).await;
    works.acts().hand_in(SaveSupportRequest::BUNDLE, gather(works).await?).await?;
    let saved = save(works).await;
    works.acts().take_back(SaveSupportRequest::BUNDLE);
    let saved = saved?;
    let text = |pointer: &str| saved.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let lines = vec![
        text("/file"),
        format!("on {}", text("/stick")),
        String::new(),
        "Pull the stick out now.".to_owned(),
        CARE.to_owned(),
    ];
    Ok(Came::Done { title: "The support bundle is on the stick".to_owned(), lines })
}

/// The bundle, as the supervisor makes it.
async fn gather(works: &Works) -> Result<Vec<u8>, Problem> {
    let mut answer = works.client().stream(&["box", "support-bundle"], &[]).await.map_err(problem)?;
    let mut bundle = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(|error| problem(works.client().unreachable(&error)))? {
        bundle.extend_from_slice(&part);
        if bundle.len() as u64 > SaveSupportRequest::MOST_BYTES {
            let most = ByteSize(SaveSupportRequest::MOST_BYTES);
            return Err(Problem::new(500, "bundle-too-large", "The bundle is too large")
                .why(format!("It has more than {most}."))
                .then("Get it with a browser, on the page Machine."));
        }
    }
    Ok(bundle)
}

/// Has root write it, and tells how that goes.
async fn save(works: &Works) -> Result<Value, Problem> {
    let id = JobId::new().to_string();
    let request = SaveSupportRequest { version: 1, id: id.clone() };
    let mut saving = std::pin::pin!(works.acts().perform(Act::SaveSupport, &id, &request, ACT));
    let saved = loop {
        tokio::select! {
            saved = &mut saving => break saved?,
            () = sleep(LOOK) => {
                if let Some(report) = works.acts().report(Act::SaveSupport).filter(|report| report.id == id) {
                    tell(works, &report.step, report.fraction).await;
                }
            }
        }
    };
    // The unit was at work already, for another screen of this box.
    saved.ok_or_else(|| {
        Problem::new(409, "act-at-work", "Another bundle is being written just now")
            .then("Wait a moment, then try again.")
    })
}

async fn tell(works: &Works, message: &str, fraction: Option<f64>) {
    // A menu that has ended needs no news; the act goes on all the same.
    let _ = works.tell(Event::Deed(Came::Underway { message: message.to_owned(), fraction })).await;
}
