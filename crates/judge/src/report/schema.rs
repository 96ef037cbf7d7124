//! The JSON Schema of `report.json`, made from the types and their comments. It is kept in the repository for those who read
//! reports with other programs.

use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::{Report, SCHEMA, json, sample};
use base::exit;

const ACCEPT: &str = "REPRO_ACCEPT_SCHEMA=1 cargo test --release -p judge --lib report::schema";

/// The schema of [`super::FailureCause`], whose kinds the crate that knows errors has.
pub(crate) fn failure_cause(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "description": "Why, for programs; absent in reports of schemas 1 and 2.",
        "type": "object",
        "properties": {
            "kind": {
                "description": "Such as `network`, `disk-full`, `out-of-memory` or `worker-signal`; more may be added. What \
                                belongs to a kind, such as its `signal`, stands beside it.",
                "type": "string",
            },
            "spurious": {
                "description": "Whether the same may work when it is tried again with nothing changed.",
                "type": "boolean",
            },
        },
        "required": ["kind", "spurious"],
    })
}

/// Returns the schema of the reports that the program writes. Fields that it may leave out are not required.
fn generated() -> Value {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<Report>().to_value();
    schema["properties"]["schema"] = json!({
        "description": "Which schema the file follows: this one.",
        "const": SCHEMA,
    });
    // What a reader looks for first comes first; links are for rustdoc.
    let mut ordered = json!({
        "$schema": schema["$schema"],
        "title": format!("report.json of repro, schema {SCHEMA}"),
        "description": schema["description"],
    });
    if let (Some(ordered), Some(schema)) = (ordered.as_object_mut(), schema.as_object()) {
        ordered
            .extend(schema.iter().filter(|(key, _)| *key != "title").map(|(key, value)| (key.clone(), value.clone())));
    }
    serde_json::from_str(&ordered.to_string().replace("[`", "`").replace("`]", "`")).unwrap()
}

#[test]
fn the_committed_schema_is_that_of_the_types() {
    let path = format!("{}/../../docs/schema/report-{SCHEMA}.schema.json", env!("CARGO_MANIFEST_DIR"));
    let text = serde_json::to_string_pretty(&generated()).unwrap() + "\n";
    if std::env::var_os("REPRO_ACCEPT_SCHEMA").is_some() {
        base::files::write_bytes(path.as_ref(), text.as_bytes()).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "{path} is not the schema of the types. If the change is meant (a field that went or changed its meaning needs a new \
         schema number), accept it:\n  {ACCEPT}"
    );
}

#[test]
fn the_schema_names_every_class_of_an_error() {
    let verdicts = [exit::PASS, exit::FAIL, exit::INCONCLUSIVE];
    let schema = generated();
    let said = schema["$defs"]["Failure"]["properties"]["class"]["description"].as_str().unwrap();
    for (name, code, _) in exit::TABLE {
        let named = said.split([' ', '.', ',']).any(|word| word == name);
        assert!(named || verdicts.contains(&code), "{name} is not in {said}");
    }
}

#[test]
fn reports_follow_the_schema() {
    let validator = jsonschema::draft202012::new(&generated()).unwrap();
    for (name, report) in sample::all() {
        for report in [report.clone(), report.without_times()] {
            let value: Value = serde_json::from_str(&json::render(&report).unwrap()).unwrap();
            let errors: Vec<String> =
                validator.iter_errors(&value).map(|e| format!("{}: {e}", e.instance_path())).collect();
            assert!(errors.is_empty(), "{name}: {errors:#?}");
        }
    }
}

#[test]
fn what_is_no_report_does_not_follow_it() {
    let validator = jsonschema::draft202012::new(&generated()).unwrap();
    let good: Value = serde_json::from_str(&json::render(&sample::checked()).unwrap()).unwrap();
    for (pointer, wrong) in [
        ("/schema", json!(1)),
        ("/verdict", json!("Pass")),
        ("/rows/0/runs/0/state", json!("lost")),
        ("/rows/0/estimate/interval/low", json!("69")),
        ("/golden/0/edition", json!(-1)),
        (
            "/failure",
            json!({ "stage": null, "class": "DATA", "exit_code": 5, "message": "", "cause": { "kind": "odd" } }),
        ),
    ] {
        let mut report = good.clone();
        *report.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer} is missing")) = wrong;
        assert!(!validator.is_valid(&report), "{pointer}");
    }
}
