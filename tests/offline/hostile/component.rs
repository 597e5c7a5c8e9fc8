//! Components in shapes that no toolchain produces: a plugin's component with additional parts.

use std::path::Path;

use model::series::Series;
use sandbox::{Artifact, CallContext, Grants, Isolation, Limits, Sandbox};
use wasm_encoder::{
    CanonicalFunctionSection, Component, ComponentSection, ComponentSectionId, ComponentTypeSection, Encode as _,
    ExportKind, InstanceSection, ModuleArg, ValType,
};
use wasmparser::types::Types;
use wasmparser::{Parser, Payload, Validator};
use wit_component::metadata::Bindgen;
use wit_component::{ComponentEncoder, StringEncoding};

use costwarden_tests::repository;
use text_plugin::Plugin;

/// The plugin as a component of the contract.
pub(crate) fn component(plugin: &Plugin<'_>) -> Vec<u8> {
    let mut core = plugin.core();
    let mut contract = Bindgen::default().resolve;
    let wit = std::fs::read_to_string(repository().join("plugin-sdk/wit/detector.wit")).expect("the contract");
    let package = contract.push_str("detector.wit", &wit).expect("the contract is right");
    let world = contract.select_world(&[package], Some("plugin-with-reference")).expect("its world");
    wit_component::embed_component_metadata(&mut core, &contract, world, StringEncoding::UTF8).expect("embedded");
    ComponentEncoder::default().module(&core).and_then(ComponentEncoder::encode).expect("a component")
}

/// Appends a core module and instantiates it after the existing modules.
pub(crate) fn with_module(mut component: Vec<u8>, text: &str) -> Vec<u8> {
    let others = modules(&component);
    let module = wat::parse_str(text).expect("the text is right");
    section(&mut component, ComponentSectionId::CoreModule, &module);
    // One instance: of that module, with no arguments.
    let mut instance = vec![1, 0];
    others.encode(&mut instance);
    instance.push(0);
    section(&mut component, ComponentSectionId::CoreInstance, &instance);
    component
}

/// Appends a core module and `copies` instances of a second one; each instance imports the exports of the first module
/// as `first`.
pub(crate) fn with_copies(component: Vec<u8>, first: &str, other: &str, copies: u32) -> Vec<u8> {
    let mut component = with_module(component, first);
    let counted = counted(&component);
    section(&mut component, ComponentSectionId::CoreModule, &wat::parse_str(other).expect("the text is right"));
    let mut instances = InstanceSection::new();
    for _ in 0..copies {
        instances.instantiate(
            counted.module_count() as u32,
            [("first", ModuleArg::Instance(counted.core_instance_count() as u32 - 1))],
        );
    }
    instances.append_to_component(&mut component);
    component
}

/// Appends a core module with the import `handles` `new`, a constructor of resources without a limit.
pub(crate) fn with_handles(mut component: Vec<u8>, text: &str) -> Vec<u8> {
    let counted = counted(&component);
    let mut types = ComponentTypeSection::new();
    types.resource(ValType::I32, None);
    types.append_to_component(&mut component);
    let mut functions = CanonicalFunctionSection::new();
    functions.resource_new(counted.as_ref().component_type_count());
    functions.append_to_component(&mut component);
    section(&mut component, ComponentSectionId::CoreModule, &wat::parse_str(text).expect("the text is right"));
    let mut instances = InstanceSection::new();
    instances.export_items([("new", ExportKind::Func, counted.as_ref().function_count())]);
    let handles = counted.core_instance_count() as u32;
    instances.instantiate(counted.module_count() as u32, [("handles", ModuleArg::Instance(handles))]);
    instances.append_to_component(&mut component);
    component
}

/// Counts types and instances in the outermost component.
fn counted(component: &[u8]) -> Types {
    Validator::new().validate_all(component).expect("a component")
}

/// Embeds a component.
pub(crate) fn with_component(mut component: Vec<u8>, inner: &[u8]) -> Vec<u8> {
    section(&mut component, ComponentSectionId::Component, inner);
    component
}

/// Components nested to the given depth.
pub(crate) fn nested(depth: usize) -> Vec<u8> {
    (0..depth).fold(Component::HEADER.to_vec(), |inner, _| with_component(Component::HEADER.to_vec(), &inner))
}

fn section(component: &mut Vec<u8>, id: ComponentSectionId, bytes: &[u8]) {
    component.push(id.into());
    bytes.encode(component);
}

/// Counts the core modules of the outermost component.
fn modules(component: &[u8]) -> u32 {
    let (mut open, mut modules) = (0, 0);
    for payload in Parser::new(0).parse_all(component) {
        match payload.expect("a component") {
            Payload::ModuleSection { .. } if open == 1 => modules += 1,
            Payload::Version { .. } => open += 1,
            Payload::End(_) => open -= 1,
            _ => {}
        }
    }
    modules
}

/// A plugin with 15 MB of data at an imported offset, which each instance copies, and a trap for more than one series.
pub(crate) fn copied_data() -> Vec<u8> {
    let fit = "(if (i32.gt_u (local.get 7) (i32.const 1)) (then unreachable)) (call $fits (local.get 7))";
    let data = "x".repeat(15_000_000);
    let other = format!(
        "(module (import \"first\" \"base\" (global $base i32)) (memory 240) (data (global.get $base) \"{data}\"))"
    );
    with_copies(
        component(&Plugin { name: "start-copies", fit, ..Plugin::default() }),
        "(module (global (export \"base\") i32 (i32.const 0)))",
        &other,
        1,
    )
}

/// Each start costs fuel of the batch. Before, 256 starts took 12 s.
#[test]
fn retries_pay_for_their_starts() {
    let sandbox = Sandbox::new(Limits::default(), None, Isolation::InProcess).expect("a sandbox");
    let plugin = Artifact::new(Path::new("start-copies.wasm"), copied_data());
    let detector = sandbox.load("start-copies", &plugin, &Grants::default()).expect("loads");
    let series = |number: usize| {
        let values = vec![1.0; 9];
        Series { id: format!("d/p/{number}"), start: 0, utc_offset: 0, step: 86_400, values, excluded: Vec::new() }
    };
    let context = CallContext { rule: "hostile", settings: "{}", unit: "KRW", locale: "en" };
    let fitted = detector.fit(&context, &(0..256).map(series).collect::<Vec<_>>());
    let (paid, skipped): (Vec<_>, Vec<_>) = fitted.results.iter().partition(|result| result.is_ok());
    assert!((50..100).contains(&paid.len()), "{} starts are paid", paid.len());
    let skipped = skipped[0].as_ref().expect_err("skipped").to_string();
    assert!(skipped.contains("the retries of other series used up the fuel of the batch"), "{skipped}");
}
