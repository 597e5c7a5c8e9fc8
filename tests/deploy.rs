//! config/deploy, held against schemas, parsers and this program: what cannot be run here is at least well-formed, agrees
//! with itself, and names what there is.

mod support;

#[path = "deploy/container.rs"]
mod container;
#[path = "deploy/guide.rs"]
mod guide;
#[path = "deploy/kubernetes.rs"]
mod kubernetes;
#[path = "deploy/terraform.rs"]
mod terraform;
#[path = "deploy/tools.rs"]
mod tools;
