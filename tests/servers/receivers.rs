//! Receivers over the network: an endpoint that checks messages like Slack, a webhook that verifies signatures, an SMTP
//! server, and Alertmanager.

mod endpoint;
mod slack;
