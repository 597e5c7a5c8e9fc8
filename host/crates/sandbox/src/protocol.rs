//! The messages between costwarden and a worker process, over a socket pair.
//!
//! A message is a length of four bytes and the message in the format `postcard`. A worker may be under the control of a
//! plugin that escaped the engine. So costwarden checks the length of each message before the message is read, and the
//! number of results, issues and imports before they are decoded. Nothing that a worker sends has an effect outside its own plugin.

mod frame;
mod message;
mod numbers;

pub(crate) use self::frame::{HEADER_BYTES, decode, encode, payload_bytes, split};
pub(crate) use self::message::{
    Call, Finished, InputContext, IssueList, LoadedPlugin, LogBudget, LogLevel, Message, Output, PluginSetup,
    ReferenceAnswer, Refusal, Request, SeriesInput, Setup, SetupFault, WindowInput,
};
