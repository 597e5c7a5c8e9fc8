//! The reference page of a schema: a section for each table, a row for each key.

use std::fmt::Write as _;

use serde_json::Value;

/// Returns the page in Markdown.
pub(super) fn page(schema: &Value) -> String {
    let title = schema["title"].as_str().unwrap_or_default();
    let mut page = format!(
        "# {title}\n\nPaths are relative to the folder of the file. An unknown key is an error. A key in bold is required.\n"
    );
    table(schema, "", &mut page);
    page
}

/// Writes the section of a table, and then the sections of the tables inside.
fn table(schema: &Value, header: &str, page: &mut String) {
    let Some(variants) = schema["oneOf"].as_array() else {
        rows(schema, header, page);
        inner_tables(schema, header, page);
        return;
    };
    for variant in variants {
        rows(variant, &format!("{header} {}", constants(variant)), page);
    }
    for variant in variants {
        inner_tables(variant, header, page);
    }
}

/// Returns the keys of a variant with a fixed value, like `kind = "s3"`.
fn constants(variant: &Value) -> String {
    let keys = variant["properties"].as_object().into_iter().flatten();
    let fixed = keys.filter_map(|(name, key)| Some(format!("{name} = {}", key.get("const")?)));
    fixed.collect::<Vec<_>>().join(", ")
}

fn rows(schema: &Value, header: &str, page: &mut String) {
    let keys: Vec<(&String, &Value)> = schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, key)| !is_table(key) && key.get("const").is_none())
        .collect();
    if keys.is_empty() {
        return;
    }
    let header = if header.is_empty() { "Keys before the first table" } else { header.trim() };
    let heading = format!("\n## {header}\n");
    // Each variant of a table has the same tables inside.
    if page.contains(&heading) {
        return;
    }
    let _ = write!(page, "{heading}\n| key | values | default | meaning |\n|---|---|---|---|\n");
    for (name, key) in keys {
        let is_required = schema["required"].as_array().into_iter().flatten().any(|required| required == name);
        let name = if is_required { format!("**`{name}`**") } else { format!("`{name}`") };
        let default = key.get("default").map(|default| format!("`{default}`")).unwrap_or_default();
        let text = key["description"].as_str().unwrap_or_default().replace('|', "\\|");
        let _ = writeln!(page, "| {name} | {} | {default} | {text} |", values(key));
    }
}

fn inner_tables(schema: &Value, header: &str, page: &mut String) {
    let outer = header.trim_matches(['[', ']']);
    for (name, key) in schema["properties"].as_object().into_iter().flatten().filter(|(_, key)| is_table(key)) {
        let name = if outer.is_empty() { name.clone() } else { format!("{outer}.{name}") };
        let tables = [("items", format!("[[{name}]]")), ("additionalProperties", format!("[{name}.NAME]"))];
        match tables.into_iter().find(|(keyword, _)| key[keyword].is_object()) {
            Some((keyword, header)) => table(&key[keyword], &header, page),
            None => table(key, &format!("[{name}]"), page),
        }
    }
}

/// Whether the key is a table of known keys, or has such tables.
fn is_table(key: &Value) -> bool {
    let has_keys = |schema: &Value| schema.get("properties").is_some() || schema.get("oneOf").is_some();
    has_keys(key) || has_keys(&key["items"]) || has_keys(&key["additionalProperties"])
}

/// Returns the accepted values in words.
fn values(key: &Value) -> String {
    if let Some(choices) = key.get("enum").or_else(|| key["items"].get("enum")).and_then(Value::as_array) {
        let words: Vec<String> = choices.iter().map(|choice| format!("`{choice}`")).collect();
        let list = if key["type"] == "array" { "list of " } else { "" };
        return format!("{list}{}", words.join(", "));
    }
    if let Some(types) = key["anyOf"].as_array() {
        return types.iter().map(values).collect::<Vec<_>>().join(" or ");
    }
    match (key["type"].as_str().unwrap_or_default(), key.get("minimum"), key.get("maximum")) {
        ("integer", Some(from), Some(to)) => format!("{from} to {to}"),
        ("number", Some(from), Some(to)) => format!("number from {from} to {to}"),
        ("number", Some(from), None) => format!("number of at least {from}"),
        ("number", None, _) => format!("number above {}", key["exclusiveMinimum"]),
        ("boolean", ..) => "`true`, `false`".to_owned(),
        ("array", ..) => "list of texts".to_owned(),
        ("object", ..) => "table".to_owned(),
        _ => "text".to_owned(),
    }
}
