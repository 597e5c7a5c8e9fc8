//! The shape of the tables that a reader reads, as JSON Schema.
//!
//! The reader runs over an empty document that records each key instead of reading a file. A key that decides on other
//! keys is assumed to have each of its values in turn, so a table can have several shapes.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value as Json, json};

use super::{Document, Section};

/// The keys of a table under one set of assumptions.
#[derive(Debug, Clone, Default, PartialEq)]
struct Shape {
    keys: Vec<ShapeKey>,
    required: Vec<String>,
    /// Keys that are set together or not at all.
    together: Vec<[&'static str; 2]>,
}

#[derive(Debug, Clone, PartialEq)]
struct ShapeKey {
    name: &'static str,
    schema: Map<String, Json>,
    /// `None` for a key without a table.
    form: Option<Form>,
}

/// The form of tables under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `[key]`
    Table,
    /// `[[key]]`
    Tables,
    /// `[key.NAME]`
    NamedTables,
}

/// A key that decides on other keys: the dotted path of the table, and the name.
type DecidingKey = (String, &'static str);

/// The index of the assumed choice for each deciding key.
type Assumptions = BTreeMap<DecidingKey, usize>;

/// The record of one walk of a reader.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    assumptions: Assumptions,
    /// The number of choices of each deciding key.
    deciding: BTreeMap<DecidingKey, usize>,
    shapes: BTreeMap<String, Shape>,
}

impl Recorder {
    /// Returns the assumed choice of a deciding key.
    pub(super) fn assumed(&mut self, path: &str, key: &'static str, choices: usize) -> usize {
        let point = (path.to_owned(), key);
        let assumed = self.assumptions.get(&point).copied().unwrap_or_default();
        self.deciding.insert(point, choices);
        assumed
    }

    pub(super) fn key(&mut self, path: &str, name: &'static str, schema: &Map<String, Json>, form: Option<Form>) {
        let shape = self.shapes.entry(path.to_owned()).or_default();
        shape.keys.push(ShapeKey { name, schema: schema.clone(), form });
    }

    pub(super) fn require(&mut self, path: &str, key: &str) {
        self.shapes.entry(path.to_owned()).or_default().required.push(key.to_owned());
    }

    pub(super) fn together(&mut self, path: &str, keys: [&'static str; 2]) {
        self.shapes.entry(path.to_owned()).or_default().together.push(keys);
    }
}

/// Returns the JSON Schema (draft 7) of the document that a reader reads.
pub fn schema(title: &str, read: impl Fn(&mut Section<'_, '_>)) -> Json {
    let mut shapes: BTreeMap<String, Vec<Shape>> = BTreeMap::new();
    let mut open = vec![Assumptions::new()];
    while let Some(assumptions) = open.pop() {
        let walk = walk(assumptions.clone(), &read);
        for (path, shape) in walk.shapes {
            let known = shapes.entry(path).or_default();
            if !known.contains(&shape) {
                known.push(shape);
            }
        }
        for (point, choices) in walk.deciding {
            if !assumptions.contains_key(&point) {
                let assume = |index| {
                    let mut further = assumptions.clone();
                    further.insert(point.clone(), index);
                    further
                };
                // The last assumption is walked first.
                open.extend((0..choices).rev().map(assume));
                break;
            }
        }
    }
    let mut root = Map::from_iter([
        ("$schema".to_owned(), "http://json-schema.org/draft-07/schema#".into()),
        ("title".to_owned(), title.into()),
    ]);
    root.append(&mut table(&shapes, ""));
    Json::Object(root)
}

fn walk(assumptions: Assumptions, read: impl Fn(&mut Section<'_, '_>)) -> Recorder {
    let mut document = Document::new(Path::new(""), "");
    document.recorder = Some(RefCell::new(Recorder { assumptions, ..Recorder::default() }));
    let mut root = document.root().expect("an empty document is a table");
    read(&mut root);
    document.recorder.take().expect("set above").into_inner()
}

/// Returns the schema of a table: an object, or a choice of objects.
fn table(shapes: &BTreeMap<String, Vec<Shape>>, path: &str) -> Map<String, Json> {
    let variants = shapes.get(path).map(Vec::as_slice).unwrap_or_default();
    let mut objects: Vec<Map<String, Json>> = variants.iter().map(|shape| object(shapes, path, shape)).collect();
    match objects.len() {
        1 => objects.remove(0),
        _ => Map::from_iter([("oneOf".to_owned(), objects.into_iter().map(Json::Object).collect())]),
    }
}

fn object(shapes: &BTreeMap<String, Vec<Shape>>, path: &str, shape: &Shape) -> Map<String, Json> {
    let mut properties = Map::new();
    for ShapeKey { name, schema, form } in &shape.keys {
        let path = if path.is_empty() { (*name).to_owned() } else { format!("{path}.{name}") };
        let mut schema = schema.clone();
        match form {
            None => {}
            Some(Form::Table) => schema.append(&mut table(shapes, &path)),
            Some(Form::Tables) => {
                schema.insert("type".to_owned(), "array".into());
                schema.insert("items".to_owned(), Json::Object(table(shapes, &path)));
            }
            Some(Form::NamedTables) => {
                schema.insert("type".to_owned(), "object".into());
                schema.insert("additionalProperties".to_owned(), Json::Object(table(shapes, &path)));
            }
        }
        properties.insert((*name).to_owned(), Json::Object(schema));
    }
    let mut object = Map::from_iter([
        ("type".to_owned(), "object".into()),
        ("properties".to_owned(), Json::Object(properties)),
        ("additionalProperties".to_owned(), false.into()),
    ]);
    if !shape.required.is_empty() {
        object.insert("required".to_owned(), shape.required.clone().into());
    }
    if !shape.together.is_empty() {
        let both = |[one, other]: &[&'static str; 2]| {
            [((*one).to_owned(), json!([other])), ((*other).to_owned(), json!([one]))]
        };
        object.insert("dependencies".to_owned(), Json::Object(shape.together.iter().flat_map(both).collect()));
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deciding_key_gives_one_object_for_each_value() {
        let schema = schema("t", |root| {
            root.need("kind", "a or b");
            match root.key("kind", "The kind.").variant(&[("a", 1), ("b", 2)]) {
                Some(1) => drop(root.key("size", "The size.").whole_or(1..=9, 3)),
                _ => drop(root.key("name", "The name.").text()),
            }
            root.finish();
        });
        insta::assert_snapshot!(schema, @r#"{"$schema":"http://json-schema.org/draft-07/schema#","title":"t","oneOf":[{"type":"object","properties":{"kind":{"description":"The kind.","const":"a","type":"string"},"size":{"description":"The size.","default":3,"minimum":1,"maximum":9,"type":"integer"}},"additionalProperties":false,"required":["kind"]},{"type":"object","properties":{"kind":{"description":"The kind.","const":"b","type":"string"},"name":{"description":"The name.","type":"string"}},"additionalProperties":false,"required":["kind"]}]}"#);
    }
}
