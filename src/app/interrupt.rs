//! Ctrl-C and SIGTERM: the first stops asking, the second leaves at once.

use crate::exit;

/// Completes at the first interruption. From then on another one ends the process.
pub(super) async fn interrupted() {
    signal().await;
    log::warn!("interrupted: writing what is known (once more to leave at once)");
    tokio::spawn(async {
        signal().await;
        std::process::exit(i32::from(exit::INTERRUPTED));
    });
}

/// Completes at Ctrl-C or SIGTERM.
#[cfg(unix)]
pub(super) async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = terminate.recv() => {}
                () = ctrl_c() => {}
            }
        }
        Err(_) => ctrl_c().await,
    }
}

#[cfg(not(unix))]
pub(super) async fn signal() {
    ctrl_c().await;
}

async fn ctrl_c() {
    if tokio::signal::ctrl_c().await.is_err() {
        // No handler can be set: nothing will ever be heard.
        std::future::pending::<()>().await;
    }
}
