"""Writes a config and the raw documents of a bill with many services: many_services.py FOLDER PLUGINS NUMBER. Standard library only."""
import datetime, json, pathlib, sys

folder, plugins, number = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
FIRST, DAYS = datetime.date(2026, 8, 1), 112
CONFIG = """[source]
kind = "replay"
directory = "bills"
[archive]
kind = "directory"
directory = "archive"
[store]
kind = "embedded"
[plugins]
directory = {plugins}
[rules]
directory = "rules"
"""
RULE = """[[rule]]
id = "total"
why = "The total is watched."
detector = "daily-level"
series = "daily"
group_by = []
"""


# A name that would send a request, or end a table, if the page took the name as markup.
HOSTILE = '"><img src=http://127.0.0.1:9/x onerror=alert(1)></td></table><script>alert(2)</script>'


def row(day, service):
    project = service % 40
    return {"meteringDate": f"{day:%Y%m%d}", "domainId": f"d-{project % 4}", "domainName": f"account {project % 4}", "projectId": f"p-{project}",
            "projectName": f"project {project}", "serviceId": f"s-{service}", "serviceName": HOSTILE if service == 0 else f"service {service}",
            "expectAmount": 100 * (1 + service % 17) + 13 * ((service + day.toordinal()) % 7)}


(folder / "rules").mkdir(parents=True)
(folder / "costwarden.toml").write_text(CONFIG.format(plugins=json.dumps(plugins)))
(folder / "rules/total.toml").write_text(RULE)
for ago in range(DAYS):
    day = FIRST + datetime.timedelta(days=ago)
    path = folder / f"bills/raw/year={day:%Y}/month={day:%m}/day={day:%d}/billing_{day:%Y%m%d}.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"result": {"content": [row(day, service) for service in range(number)]}}))
