//! The service of a worker: inspects a file, searches a core module, or loads the plugin of the [`Setup`] and makes a call for each [`Request`].
//! Ends when the parent closes the socket.

use std::cell::RefCell;
use std::io::{self, ErrorKind, Read, Write};
use std::rc::Rc;

use serde::Serialize;

use super::link::load;
use super::plugin::Plugin;
use crate::compile::AddressSpace;
use crate::core_module::core_module;
use crate::inspection::InspectedFile;
use crate::protocol::{
    Finished, HEADER_BYTES, Message, ReferenceAnswer, Request, Setup, decode, encode, payload_bytes,
};

/// The socket to the parent, shared by the service and the imports of a call.
#[derive(Clone)]
pub(super) struct Parent(Rc<RefCell<dyn Stream>>);

trait Stream: Read + Write {}

impl<S: Read + Write> Stream for S {}

/// Serves a parent until the parent closes the stream. The process cannot read its limits in the jail, so the caller
/// states the addresses of the process.
///
/// # Errors
/// The stream fails, or the parent sends a message of another release.
pub(crate) fn serve(stream: impl Read + Write + 'static, space: AddressSpace) -> io::Result<()> {
    let parent = Parent(Rc::new(RefCell::new(stream)));
    let Some(plugin) = set_up(&parent, space)? else { return Ok(()) };
    while let Some(payload) = parent.receive()? {
        let request: Request<'_> = decode(&payload)?;
        plugin.answer(&request, &parent)?;
    }
    Ok(())
}

/// Does the work of the [`Setup`] and reports the result. Returns nothing without a plugin to serve.
fn set_up(parent: &Parent, space: AddressSpace) -> io::Result<Option<Plugin>> {
    let Some(payload) = parent.receive()? else { return Ok(None) };
    let setup = match decode(&payload)? {
        Setup::Serve(setup) => setup,
        Setup::Inspect(bytes) => {
            parent.send(&Message::Inspected(InspectedFile::of(bytes)))?;
            return Ok(None);
        }
        Setup::CoreModule(bytes) => {
            parent.send(&Message::CoreModule(core_module(bytes)))?;
            return Ok(None);
        }
    };
    match load(&setup, space) {
        Ok((plugin, loaded)) => {
            parent.send(&Message::Ready(Ok(loaded)))?;
            Ok(Some(plugin))
        }
        Err(fault) => {
            parent.send(&Message::Ready(Err(fault)))?;
            Ok(None)
        }
    }
}

impl Parent {
    /// Sends a message.
    pub(super) fn send(&self, message: &Message) -> io::Result<()> {
        self.send_with(message, None::<()>)
    }

    /// Sends the end of a call with the results of the series.
    pub(super) fn finish<R: Serialize>(
        &self,
        finished: Finished,
        results: impl IntoIterator<Item = R>,
    ) -> io::Result<()> {
        self.send_with(&Message::Finished(finished), results)
    }

    fn send_with<R: Serialize>(&self, message: &Message, results: impl IntoIterator<Item = R>) -> io::Result<()> {
        self.0.borrow_mut().write_all(&encode(message, results)?)
    }

    /// Asks the parent for a file of reference data. The inner error is a text for the plugin.
    pub(super) fn read_reference(&self, name: String) -> io::Result<Result<Vec<u8>, String>> {
        self.send(&Message::ReadReference(name))?;
        let payload = self.receive()?.ok_or(ErrorKind::UnexpectedEof)?;
        let ReferenceAnswer(content) = decode(&payload)?;
        Ok(content.map(serde_bytes::ByteBuf::into_vec))
    }

    /// Returns the payload of the next message, or nothing after the parent closed the stream.
    pub(super) fn receive(&self) -> io::Result<Option<Vec<u8>>> {
        let mut stream = self.0.borrow_mut();
        let mut header = [0; HEADER_BYTES];
        match stream.read_exact(&mut header) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        let mut payload = vec![0; payload_bytes(header)];
        stream.read_exact(&mut payload)?;
        Ok(Some(payload))
    }
}
