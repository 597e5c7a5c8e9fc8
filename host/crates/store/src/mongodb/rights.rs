//! The permissions of the connection's user. Asks the server instead of trying the actions.

use mongodb::bson::{Document, doc};

use super::Mongodb;
use crate::access::Rights;
use crate::documents::COLLECTIONS;
use crate::error::StoreError;

/// The actions of a run on collections.
const REQUIRED_ACTIONS: [&str; 5] = ["find", "insert", "update", "remove", "createIndex"];

impl Mongodb {
    pub(crate) async fn rights(&self) -> Result<Rights, StoreError> {
        let database = self.database();
        let status = self.answer(database.run_command(doc! { "connectionStatus": 1, "showPrivileges": true })).await;
        let status = status.map_err(|error| self.failure("read the access rights of", database.name(), &error))?;
        Ok(Rights {
            missing_actions: missing_actions(&status, database.name()),
            missing_indexes: self.missing_indexes().await?,
        })
    }
}

/// Returns the required actions without a grant on every collection. A server without access control has no
/// authenticated user and allows everything.
fn missing_actions(status: &Document, database: &str) -> Vec<&'static str> {
    let documents = |key: &str| -> Vec<Document> {
        let listed = status.get_document("authInfo").and_then(|info| info.get_array(key));
        listed.into_iter().flatten().filter_map(|entry| entry.as_document().cloned()).collect()
    };
    if documents("authenticatedUsers").is_empty() {
        return Vec::new();
    }
    let privileges = documents("authenticatedUserPrivileges");
    let is_granted = |collection: &str, action: &str| {
        privileges.iter().any(|privilege| {
            let resource = privilege.get_document("resource");
            let actions = privilege.get_array("actions").into_iter().flatten();
            resource.is_ok_and(|resource| covers(resource, database, collection))
                && actions
                    .filter_map(|granted| granted.as_str())
                    .any(|granted| granted == action || granted == "anyAction")
        })
    };
    let everywhere = |action: &&&str| COLLECTIONS.iter().all(|collection| is_granted(collection.name, action));
    REQUIRED_ACTIONS.iter().filter(|action| !everywhere(action)).copied().collect()
}

fn covers(resource: &Document, database: &str, collection: &str) -> bool {
    // An empty name in a privilege stands for every database or collection.
    let includes = |key: &str, name: &str| resource.get_str(key).is_ok_and(|value| value.is_empty() || value == name);
    resource.get_bool("anyResource").unwrap_or(false)
        || (includes("db", database) && includes("collection", collection))
}

#[cfg(test)]
mod tests {
    use mongodb::bson::Bson;

    use super::*;

    fn check(users: &[&str], privileges: &[Document], expected: &[&str]) {
        let users: Vec<Bson> = users.iter().map(|user| Bson::Document(doc! { "user": *user })).collect();
        let status = doc! { "authInfo": { "authenticatedUsers": users, "authenticatedUserPrivileges": privileges } };
        assert_eq!(missing_actions(&status, "billing"), expected, "{status}");
    }

    #[test]
    fn actions_without_a_grant_are_missing() {
        let on = |db: &str, collection: &str, actions: &[&str]| {
            doc! { "resource": { "db": db, "collection": collection }, "actions": actions }
        };
        check(&[], &[], &[]);
        check(&["u"], &[], &REQUIRED_ACTIONS);
        check(&["u"], &[on("billing", "", &REQUIRED_ACTIONS)], &[]);
        check(&["u"], &[on("other", "", &REQUIRED_ACTIONS)], &REQUIRED_ACTIONS);
        check(&["u"], &[on("billing", "", &["find", "insert"]), on("", "", &["update"])], &["remove", "createIndex"]);
        check(&["u"], &[doc! { "resource": { "anyResource": true }, "actions": ["anyAction"] }], &[]);
        check(&["u"], &[on("billing", "billing_daily", &REQUIRED_ACTIONS)], &REQUIRED_ACTIONS);
    }
}
