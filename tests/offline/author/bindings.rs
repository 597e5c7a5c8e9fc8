//! The generated part of the SDK agrees with the contract.

use costwarden_tests::repository;
use wit_bindgen_core::wit_parser::Resolve;
use wit_bindgen_core::{Files, WorldGenerator as _};

/// Generates the bindings of the SDK.
fn generated() -> String {
    let contract = repository().join("plugin-sdk/wit/detector.wit");
    let mut resolve = Resolve::default();
    let text = std::fs::read_to_string(&contract).expect("the contract");
    let package = resolve.push_str(&contract, &text).expect("WIT");
    let world = resolve.select_world(&[package], Some("plugin-with-reference")).expect("a world");
    let options = wit_bindgen_rust::Opts {
        format: true,
        additional_derive_attributes: vec!["PartialEq".to_owned()],
        export_macro_name: Some("export_component".to_owned()),
        pub_export_macro: true,
        default_bindings_module: Some("costwarden_sdk::bindings".to_owned()),
        ..Default::default()
    };
    let mut files = Files::default();
    options.build().generate(&mut resolve, world, &mut files).expect("generated");
    let (_, text) = files.iter().next().expect("a file");
    String::from_utf8(text.to_vec()).expect("text")
}

#[test]
fn the_bindings_of_the_sdk_belong_to_the_contract() {
    let (now, new) = (repository().join("plugin-sdk/src/bindings.rs"), repository().join("target/bindings.rs"));
    let text = generated();
    if std::fs::read_to_string(&now).expect("the bindings") != text {
        std::fs::write(&new, text).expect("written");
        panic!("{} differs from the contract: copy {} over this file", now.display(), new.display());
    }
}
