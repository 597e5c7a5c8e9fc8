//! The imports of a plugin: the budget of the meter, `log.emit` and `reference.read`. The parent process has the files of
//! the reference data.

use wasmtime::component::{Linker, WasmStr};
use wasmtime::{AsContext, StoreContextMut};

use super::fuel::IMPORT_FUEL;
use super::store_data::StoreData;
use crate::bindings::Level;
use crate::contract::ContractUse;
use crate::meter::BUDGET;

/// Fuel for opening a file of reference data: about ten microseconds of system calls.
const OPEN_FUEL: u64 = 20_000;

/// Defines the imports in the linker; `reference` only if the plugin imports the interface.
pub(super) fn link(linker: &mut Linker<StoreData>, contract: &ContractUse) -> wasmtime::Result<()> {
    linker.root().func_wrap(BUDGET, |store: StoreContextMut<'_, StoreData>, ()| Ok((store.data().fuel.budget(),)))?;
    let mut log = linker.instance("costwarden:detector/log@1.0.0")?;
    log.func_wrap("emit", |store, (level, message): (Level, WasmStr)| emit(store, level, &message))?;
    if contract.imports_reference {
        let mut reference = linker.instance("costwarden:detector/reference@1.0.0")?;
        reference.func_wrap("read", |store, (name,): (WasmStr,)| Ok((read(store, &name)?,)))?;
    }
    Ok(())
}

fn emit(mut store: StoreContextMut<'_, StoreData>, level: Level, message: &WasmStr) -> wasmtime::Result<()> {
    store.data_mut().fuel.charge(IMPORT_FUEL)?;
    if !store.data().log.accepts(level.into()) {
        store.data_mut().log.drop_line();
        return Ok(());
    }
    let text = message.to_str(store.as_context())?;
    let bytes = text.len() as u64;
    let line = store.data().log.start_of(&text);
    store.data_mut().fuel.charge(bytes)?;
    store.data_mut().log.write(level.into(), line)?;
    Ok(())
}

fn read(mut store: StoreContextMut<'_, StoreData>, name: &WasmStr) -> wasmtime::Result<Result<Vec<u8>, String>> {
    store.data_mut().fuel.charge(IMPORT_FUEL + OPEN_FUEL)?;
    let name = name.to_str(store.as_context())?.into_owned();
    let name_bytes = name.len() as u64;
    let content = store.data().parent.read_reference(name)?;
    // Charged after the read, because the size of the file is unknown before.
    let bytes = content.as_ref().map_or(0, Vec::len) as u64;
    store.data_mut().fuel.charge(name_bytes + bytes)?;
    Ok(content)
}
