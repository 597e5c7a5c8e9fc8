//! Receivers over the network: an endpoint that checks messages like Slack, a webhook that verifies signatures, an SMTP
//! server, a workflow of Teams, the Web API of KakaoWork, and Alertmanager.

mod alertmanager;
mod budgets;
mod cases;
mod email;
mod endpoint;
mod groups;
mod kakaowork;
mod mail_server;
mod notified_incidents;
mod random_bills;
mod real_year;
mod routes;
mod slack;
mod teams;
mod webhook;
