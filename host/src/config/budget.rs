//! The tables `[[budget]]`.

use std::collections::BTreeSet;

use config_file::toml::{Key, Section};
use model::budget::Budget;
use model::scope::{Pattern, Scope};

pub(super) const BUDGET: &str = "The budgets, one table each. The daily job compares the cost of the month and the forecast with each budget, and sends notifications through the routes.";
const AMOUNT: &str = "The amount of each period, with the currency of the bill, like \"1500000 KRW\".";
const AT: &str = "The parts of the amount with a notification of the spent cost, once each per period. 0.8 is 80 %.";
const FORECAST_AT: &str = "The parts of the amount with a notification of the forecast, once each per period.";
const PARTS: &str = "a list of different parts above 0, like [0.5, 0.8, 1.0]";

/// Reads the budgets. `currency` is the currency of the bill.
pub(super) fn read(sections: Vec<Section<'_, '_>>, currency: &str) -> Vec<Budget> {
    let mut names = BTreeSet::new();
    sections.into_iter().filter_map(|section| budget(section, currency, &mut names)).collect()
}

fn budget(mut section: Section<'_, '_>, currency: &str, names: &mut BTreeSet<String>) -> Option<Budget> {
    section.need("name", "a name for notifications");
    section.need("amount", &format!("an amount with the currency of the bill, like \"1500000 {currency}\""));
    let name = section.key("name", "The name in notifications. Every budget has another name.").text();
    let scope = Scope {
        account: pattern(section.key("account", "A glob against the id and the name of the account.")),
        project: pattern(section.key("project", "A glob against the id and the name of the project.")),
        service: pattern(section.key("service", "A glob against the id and the name of the service.")),
        rule: None,
    };
    let expected = format!("an amount above 0 with the currency of the bill, like \"1500000 {currency}\"");
    let amount =
        section.key("amount", AMOUNT).pattern("^[0-9.eE+-]+ [A-Z]{3}$").parse(&expected, |text| amount(text, currency));
    section.key("period", "The period of the amount.").choice_or(&[("month", ())], "month");
    let at = section.key("at", AT).default(vec![0.5, 0.8, 1.0]).numbers(PARTS);
    let forecast_at = section.key("forecast_at", FORECAST_AT).default(vec![1.0]).numbers(PARTS);
    if name.as_ref().is_some_and(|name| name.trim().is_empty()) {
        section.fail("name", "is empty, expected a name for notifications");
    }
    if name.as_ref().is_some_and(|name| !names.insert(name.clone())) {
        section.fail("name", "is the name of an earlier budget, expected another name");
    }
    section.finish();
    Some(Budget {
        name: name?,
        scope,
        amount: amount?,
        at: at.unwrap_or_else(|| vec![0.5, 0.8, 1.0]),
        forecast_at: forecast_at.unwrap_or_else(|| vec![1.0]),
    })
}

fn amount(text: &str, currency: &str) -> Option<f64> {
    let (amount, code) = text.split_once(' ')?;
    let amount = amount.parse::<f64>().ok().filter(|amount| amount.is_finite() && *amount > 0.0)?;
    (code == currency).then_some(amount)
}

fn pattern(key: Key<'_, '_, '_>) -> Option<Pattern> {
    key.parse("a name or a glob like \"shop-*\"", |text| Pattern::parse(text).ok())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use config_file::toml::Document;

    use super::*;

    /// Returns the budgets, or all errors.
    fn budgets(text: &str) -> Result<Vec<Budget>, String> {
        let document = Document::new(Path::new("costwarden.toml"), text);
        let budgets = read(document.root().expect("TOML").key("budget", BUDGET).sections(), "KRW");
        let errors: Vec<String> = document.into_errors().iter().map(ToString::to_string).collect();
        if errors.is_empty() { Ok(budgets) } else { Err(errors.join("\n")) }
    }

    #[test]
    fn parts_have_a_default_and_may_be_empty() {
        let text = "[[budget]]\nname = \"all\"\namount = \"1.5e6 KRW\"\n\
                    [[budget]]\nname = \"shop\"\nproject = \"shop-*\"\namount = \"10 KRW\"\nperiod = \"month\"\nat = [2, 0.25]\nforecast_at = []\n";
        let [all, shop] = budgets(text).expect("valid").try_into().expect("two budgets");
        assert_eq!((all.amount, all.at, all.forecast_at), (1_500_000.0, vec![0.5, 0.8, 1.0], vec![1.0]));
        assert_eq!(
            (shop.at, shop.forecast_at, shop.scope.to_string()),
            (vec![2.0, 0.25], vec![], "project shop-*".to_owned())
        );
    }

    #[test]
    fn each_error_of_a_budget_names_the_key() {
        let text = "[[budget]]\namount = \"10 USD\"\nperiod = \"year\"\nat = [0.5, 0]\n\
                    [[budget]]\nname = \"a\"\namount = \"-1 KRW\"\nat = 1\n\
                    [[budget]]\nname = \"a\"\nproject = \"[\"\nowner = \"kim\"\nat = [0.5, 0.5]\n\
                    [[budget]]\nname = \" \"\namount = \"10 KRW\"\n";
        insta::assert_snapshot!(budgets(text).expect_err("invalid"), @r#"
        costwarden.toml:1: budget.name: is missing, expected a name for notifications
        costwarden.toml:2: budget.amount: expected an amount above 0 with the currency of the bill, like "1500000 KRW", found "10 USD"
        costwarden.toml:3: budget.period: expected "month", found "year"
        costwarden.toml:4: budget.at: expected a list of different parts above 0, like [0.5, 0.8, 1.0], found 0
        costwarden.toml:7: budget.amount: expected an amount above 0 with the currency of the bill, like "1500000 KRW", found "-1 KRW"
        costwarden.toml:8: budget.at: expected a list of different parts above 0, like [0.5, 0.8, 1.0]
        costwarden.toml:9: budget.amount: is missing, expected an amount with the currency of the bill, like "1500000 KRW"
        costwarden.toml:10: budget.name: is the name of an earlier budget, expected another name
        costwarden.toml:11: budget.project: expected a name or a glob like "shop-*", found "["
        costwarden.toml:12: budget.owner: unknown key, expected one of name, account, project, service, amount, period, at, forecast_at
        costwarden.toml:13: budget.at: expected a list of different parts above 0, like [0.5, 0.8, 1.0], found 0.5
        costwarden.toml:15: budget.name: is empty, expected a name for notifications
        "#);
    }
}
