//! The Terraform files: canonical format, and a declaration for every name. The schemas of the providers come from
//! Terraform's registry alone and are not checked.

use std::collections::BTreeSet;

use super::tools::{Tools, deploy, files};

#[test]
fn they_are_formatted_and_parse() {
    let Some(tools) = Tools::new() else { return };
    let folder = deploy("terraform");
    tools.terraform_fmt(&folder).expect(0);
    let broken = tempfile::tempdir().expect("a folder");
    let text = std::fs::read_to_string(folder.join("bucket.tf")).expect("a file");
    std::fs::write(broken.path().join("bucket.tf"), text.replace("filter {", "filter {{")).expect("written");
    assert_ne!(tools.terraform_fmt(broken.path()).code, 0);
    std::fs::write(broken.path().join("bucket.tf"), text.replace("    days = 365", "  days=365")).expect("written");
    let told = tools.terraform_fmt(broken.path());
    assert!(text.contains("      days = 365") && told.code != 0, "{told:?}");
}

/// The declarations `kind "first" "second"`, without kinds that declare no name.
fn declared(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_ascii_whitespace().map(|word| word.trim_matches('"')).collect();
        match words[..] {
            ["variable", name, "{"] => names.insert(format!("var.{name}")),
            ["resource", kind, name, "{"] => names.insert(format!("{kind}.{name}")),
            _ => false,
        };
    }
    names
}

#[test]
fn every_name_is_declared_and_every_variable_is_used() {
    let texts: Vec<String> =
        files(&deploy("terraform"), "tf").iter().map(|file| std::fs::read_to_string(file).expect("a file")).collect();
    let text = texts.join("\n");
    let declared = declared(&text);
    assert!(declared.contains("kakaocloud_vpc.this") && declared.contains("var.admin_cidr"), "{declared:?}");
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let mut used = BTreeSet::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with(['#', '"']) && !line.contains("description "))
    {
        for word in line.split(|c: char| !is_name(c)) {
            let mut parts = word.split('.');
            if let (Some(kind), Some(name)) = (parts.next(), parts.next())
                && (kind == "var" || kind.starts_with("kakaocloud_") || kind.starts_with("aws_"))
            {
                used.insert(format!("{kind}.{name}"));
            }
        }
    }
    let unknown: Vec<_> = used.difference(&declared).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    let unused: Vec<_> = declared.difference(&used).filter(|name| name.starts_with("var.")).collect();
    assert!(unused.is_empty(), "{unused:?}");
}

/// The Kubernetes manifests open no port beyond the security group of the seed.
#[test]
fn the_jobs_reach_https_and_the_database_alone() {
    let text = std::fs::read_to_string(deploy("terraform/network.tf")).expect("a file");
    let (_, jobs) = text.split_once("resource \"kakaocloud_security_group\" \"jobs\"").expect("the group of the jobs");
    let (jobs, database) = jobs.split_once("resource \"kakaocloud_security_group\" \"database\"").expect("and another");
    let ports = |text: &str, direction: &str| -> Vec<String> {
        let rules = text.split("    {\n").skip(1).filter(|rule| rule.contains(&format!("\"{direction}\"")));
        rules
            .map(|rule| {
                rule.split("port_range_min").nth(1).and_then(|rest| rest.split('"').nth(1)).expect("a port").to_owned()
            })
            .collect()
    };
    assert_eq!(ports(jobs, "ingress"), ["22"]);
    assert_eq!(ports(jobs, "egress"), ["443", "27017", "53", "123"]);
    assert_eq!((ports(database, "ingress"), ports(database, "egress")), (vec!["27017".to_owned()], Vec::new()));
}
