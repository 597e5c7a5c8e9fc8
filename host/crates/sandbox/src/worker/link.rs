//! Loads the plugin of a worker: maps the code, checks the contract and links the imports. Does not call the plugin.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};

use super::fuel_gauge::FuelGauge;
use super::plugin::Plugin;
use super::store_data::StoreData;
use super::{imports, machine_code};
use crate::bindings::PluginWithReferenceIndices;
use crate::compile::AddressSpace;
use crate::compile::pool::pooled_engine;
use crate::contract::{self, ContractUse};
use crate::failure::system_error;
use crate::limits::Limits;
use crate::protocol::{LoadedPlugin, PluginSetup, SetupFault};
use crate::{meter, text};

/// Attempts and pause while the kernel is busy.
const BUSY_ATTEMPTS: u32 = 20;
const BUSY_PAUSE: Duration = Duration::from_millis(5);

/// Loads the plugin of a worker.
pub(super) fn load(setup: &PluginSetup<'_>, space: AddressSpace) -> Result<(Plugin, LoadedPlugin), SetupFault> {
    let engine = pooled_engine(&setup.limits, space).map_err(|error| SetupFault::Host(error.to_string()))?;
    let component = machine_code::load(&engine, setup.code).map_err(|error| code_fault(&error))?;
    let contract = contract::check(&engine, &component, meter::is_meter_import).map_err(SetupFault::Invalid)?;
    prepare_memory_images(&component);
    let plugin = link(&engine, &component, &contract, setup.limits.clone())?;
    Ok((plugin, LoadedPlugin { imports_reference: contract.imports_reference }))
}

fn link(engine: &Engine, component: &Component, contract: &ContractUse, limits: Limits) -> Result<Plugin, SetupFault> {
    let instance = linked(engine, component, contract).map_err(|error| match system_error(&error) {
        Some(message) => SetupFault::Host(message),
        None => SetupFault::Invalid(contract.type_error(&error)),
    })?;
    let indices =
        PluginWithReferenceIndices::new(&instance).map_err(|error| SetupFault::Invalid(contract.type_error(&error)))?;
    Ok(Plugin { instance, indices, limits: Arc::new(limits), fuel_gauge: FuelGauge::of(component) })
}

fn linked(engine: &Engine, component: &Component, contract: &ContractUse) -> wasmtime::Result<InstancePre<StoreData>> {
    let mut linker = Linker::new(engine);
    imports::link(&mut linker, contract)?;
    linker.instantiate_pre(component)
}

/// Prepares the initial memory images of a plugin. The kernel cannot seal a page while it moves the page, and reports
/// EBUSY. The plugin is not at fault, so the function retries. The first call of the plugin reports a persistent error.
fn prepare_memory_images(component: &Component) {
    let is_busy = |error: &wasmtime::Error| {
        let cause = error.root_cause().downcast_ref::<io::Error>();
        cause.is_some_and(|cause| cause.kind() == io::ErrorKind::ResourceBusy)
    };
    for _ in 0..BUSY_ATTEMPTS {
        match component.initialize_copy_on_write_image() {
            Err(error) if is_busy(&error) => thread::sleep(BUSY_PAUSE),
            _ => return,
        }
    }
}

/// Converts an engine error for machine code.
fn code_fault(error: &wasmtime::Error) -> SetupFault {
    let text = text::error_text(format!("{error:#}"));
    // wasmtime has no types for these two errors. Tests pin the recognised texts.
    if text.contains("instance size does not fit") {
        SetupFault::InstanceSize
    } else if text.contains("pooling allocator") {
        SetupFault::TooLarge(text)
    } else {
        SetupFault::UnusableCode(text)
    }
}
