//! Names to addresses: the system's resolver, asked once for each name of a run.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::OnceCell;

use super::sockets;

type Found = Arc<OnceCell<Vec<SocketAddr>>>;

/// Resolves through the system and remembers what was found; failures are not remembered.
#[derive(Clone, Debug, Default)]
pub(super) struct Resolver {
    names: Arc<Mutex<HashMap<String, Found>>>,
}

/// The name has no address.
#[derive(Debug)]
pub(super) struct ResolveError {
    /// The name; a proxy's, where the proxy was to be asked.
    pub(super) name: String,
    cause: String,
    /// Whether it is this machine that has no file left for asking.
    pub(super) lacks_files: bool,
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.cause)
    }
}

impl std::error::Error for ResolveError {}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().to_owned();
        let found = {
            let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(names.entry(name.clone()).or_default())
        };
        Box::pin(async move {
            let addresses = found.get_or_try_init(|| look_up(&name)).await?;
            Ok(Box::new(addresses.clone().into_iter()) as Addrs)
        })
    }
}

async fn look_up(name: &str) -> Result<Vec<SocketAddr>, ResolveError> {
    let error = |cause: String, lacks_files| ResolveError { name: name.to_owned(), cause, lacks_files };
    let found = tokio::net::lookup_host((name, 0)).await;
    // The system's resolver seldom says that it could not open what it needs.
    let found = found
        .map_err(|cause| error(plain(&cause), sockets::lacks_files(&cause) || sockets::are_files_used_up()));
    let addresses: Vec<_> = found?.collect();
    if addresses.is_empty() { Err(error("no addresses".to_owned(), false)) } else { Ok(addresses) }
}

/// The resolver's words without the operation's, which the caller names.
fn plain(cause: &std::io::Error) -> String {
    let text = cause.to_string();
    text.strip_prefix("failed to lookup address information: ").unwrap_or(&text).to_owned()
}
