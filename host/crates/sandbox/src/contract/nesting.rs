//! The check of the components inside a component.

use wasmparser::{ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind, Parser, Payload};

use super::{InvalidPlugin, damaged};

/// Refuses a component that contains several components with code. The host copies and transcodes values between
/// components without fuel: up to half a memory per call, any number of times. Also refuses an alias of a core module,
/// because the meter would not count the alias's instances. No SDK builds such a component.
pub(crate) fn check_nesting(component: &[u8]) -> Result<(), InvalidPlugin> {
    // Number of open parsers: 1 inside the outermost component.
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(component) {
        match payload.map_err(damaged)? {
            Payload::ModuleSection { .. } | Payload::InstanceSection(_) | Payload::ComponentCanonicalSection(_)
                if depth > 1 =>
            {
                return Err(InvalidPlugin::SeveralComponents);
            }
            Payload::ComponentAliasSection(aliases) => {
                for alias in aliases {
                    if is_module(&alias.map_err(damaged)?) {
                        return Err(InvalidPlugin::SeveralComponents);
                    }
                }
            }
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

fn is_module(alias: &ComponentAlias<'_>) -> bool {
    matches!(
        alias,
        ComponentAlias::Outer { kind: ComponentOuterAliasKind::CoreModule, .. }
            | ComponentAlias::InstanceExport { kind: ComponentExternalKind::Module, .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_in_nested_components_is_refused() {
        let module = "(core module $m (func (export \"f\")))";
        let check = |text: &str| check_nesting(&wat::parse_str(format!("(component {text})")).expect("text"));
        check(&format!("{module} (core instance $i (instantiate $m)) (component (type u32))")).expect("accepted");
        for text in [
            &format!("(component {module})"),
            &format!("{module} (alias outer 0 $m (core module $n)) (core instance (instantiate $n))"),
            &format!("{module} (component (alias outer 1 $m (core module $n)) (core instance (instantiate $n)))"),
        ] {
            assert!(matches!(check(text), Err(InvalidPlugin::SeveralComponents)), "{text}");
        }
    }
}
