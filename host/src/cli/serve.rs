//! The command `serve`: the cost report on live data, and the entries of people with a token.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use config_file::secret::SecretUse;
use ingest::archive::Archive;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tracing::Level;

use super::{load, load_store, present};
use crate::pipeline::Grade;
use crate::serve::{ServeOptions, SupplementSources, Tokens, serve as serve_report};
use crate::stop;

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Address and port. Another address than loopback needs a proxy with TLS in front.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8787")]
    listen: SocketAddr,
    /// Further name of this server in the address of a page, as of a proxy. Repeat the option for further names.
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
    /// File of NAME=TOKEN lines with mode 600: the people who may decide and comment. Without the file, the server is read-only.
    #[arg(long, value_name = "FILE")]
    tokens: Option<PathBuf>,
}

pub(super) async fn serve(config_file: Option<PathBuf>, args: ServeArgs) -> anyhow::Result<Grade> {
    let config = load_store(config_file.clone()).await?;
    let supplements = supplements(config_file).await;
    let tokens = args.tokens.as_deref().map(Tokens::read).transpose()?.unwrap_or_default();
    let listener = TcpListener::bind(args.listen).await.with_context(|| {
        format!("--listen {}: the address cannot be used; name another address or port", args.listen)
    })?;
    stop::listen(Grade::Failed.exit_code())?;
    present::out(&format!("http://{}: the cost report; a signal ends the server", listener.local_addr()?));
    serve_report(listener, ServeOptions { config, supplements, tokens, hosts: args.hosts, now: Timestamp::now })
        .await?;
    Ok(Grade::Done)
}

/// Loads the config of causes and trials. The pages work without: the server may have the secrets of the store only.
async fn supplements(config_file: Option<PathBuf>) -> Option<SupplementSources> {
    let missing = match load(config_file.clone(), SecretUse::Tables(&["archive", "store"])).await {
        Ok(config) => {
            let archive = Some(Archive::new(&config.archive));
            return Some(SupplementSources { config, archive });
        }
        Err(error) => error,
    };
    let config = load(config_file, SecretUse::Tables(&["store"])).await.ok();
    let parts = if config.is_some() { "causes" } else { "causes and no trials" };
    present::complaint(Level::WARN, &format!("the pages have no {parts}: {missing:#}"));
    config.map(|config| SupplementSources { config, archive: None })
}
