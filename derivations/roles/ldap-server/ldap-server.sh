#!@busybox@/bin/sh
# Runs an LDAP directory from the store alone, as any user, on any host.
#
#   ldap-server config        writes the configuration into the run directory and has slapd check it
#   ldap-server init          config, and a first entry for the suffix if the database is empty
#   ldap-server start         init, then becomes slapd in the foreground; SIGTERM ends it with exit code 0
#   ldap-server health        exit code 0 if the running server answers
#   ldap-server load [FILE]   adds LDIF to the stopped server's database (slapadd)
#   ldap-server dump          the database as LDIF
#   ldap-server exec TOOL …   one of the closure's tools (ldapsearch, openssl, …) in the server's own environment
#
# Parameters, as environment variables; relative file names are not accepted:
#   LDAP_STATE=/cab/state/ldap-server     what must outlive the server: data/
#   LDAP_RUN=/cab/run/ldap-server         what is made again at each start: configuration, sockets, pid
#   LDAP_SUFFIX=dc=example,dc=org         the directory's base; cn=admin below it administers
#   LDAP_URLS="ldap://127.0.0.1:3890"     listens on these, and always on ldapi at $LDAP_RUN/ldapi
#   LDAP_ROOT_PASSWORD_FILE=              holds the administrator's password; without it only ldapi administers
#   LDAP_TLS_CERTIFICATE= LDAP_TLS_KEY= LDAP_TLS_CA=      PEM files; TLS is off unless the first two are given
#   LDAP_SERVER_ID=1                      1 to 4095, this server's number among those that replicate
#   LDAP_MAX_SIZE=1073741824              bytes that the database may grow to
#   LDAP_LOG=none                         slapd's log level, on stderr: none, stats, config, any, …
#
# The configuration follows from the generation and the parameters alone and names this generation's store paths, so it
# is written anew at each start and never edited. It knows no service manager, no other host, and makes no certificate.
set -eu
umask 077

openldap=@openldap@
role=@out@
PATH=$openldap/bin:$openldap/sbin:@openssl@/bin:@busybox@/bin
export PATH

state=${LDAP_STATE:-/cab/state/ldap-server}
run=${LDAP_RUN:-/cab/run/ldap-server}
suffix=${LDAP_SUFFIX:-dc=example,dc=org}
urls=${LDAP_URLS-ldap://127.0.0.1:3890}
passwordFile=${LDAP_ROOT_PASSWORD_FILE-}
certificate=${LDAP_TLS_CERTIFICATE-} key=${LDAP_TLS_KEY-} authority=${LDAP_TLS_CA-}
serverId=${LDAP_SERVER_ID:-1}
maxSize=${LDAP_MAX_SIZE:-1073741824}
log=${LDAP_LOG:-none}
admin=cn=admin,$suffix

fail() {
  printf 'ldap-server: %s\n' "$1" >&2
  exit 1
}

usage() {
  sed -n '2,/^set -eu/{s/^# \{0,1\}//p;}' "$0" >&2
  exit 2
}

# All values end up between double quotes in slapd.conf, one a line.
checkParameter() {
  case $2 in
    *[\"\\]* | *'
'*) fail "$1: expected neither quote, backslash nor line break, found: $2" ;;
  esac
}

checkFile() {
  checkParameter "$1" "$2"
  case $2 in /*) ;; *) fail "$1: expected an absolute path, found: $2" ;; esac
  [ -r "$2" ] || fail "$1: cannot read $2"
}

checkNumber() {
  case $2 in '' | *[!0-9]*) fail "$1: expected a number, found: $2" ;; esac
}

checkParameters() {
  checkParameter LDAP_SUFFIX "$suffix"
  checkParameter LDAP_STATE "$state"
  checkParameter LDAP_RUN "$run"
  checkNumber LDAP_SERVER_ID "$serverId"
  checkNumber LDAP_MAX_SIZE "$maxSize"
  [ "${#run}" -le 100 ] || fail "LDAP_RUN: a socket's path has at most 107 bytes; expected a directory of at most 100"
  [ -z "$passwordFile" ] || checkFile LDAP_ROOT_PASSWORD_FILE "$passwordFile"
  [ -z "$authority" ] || checkFile LDAP_TLS_CA "$authority"
  if [ -n "$certificate$key" ]; then
    checkFile LDAP_TLS_CERTIFICATE "$certificate"
    checkFile LDAP_TLS_KEY "$key"
  fi
}

# Nothing of the caller's environment reaches the programs: OPENSSL_CONF, SASL_PATH, LDAPRC or LD_PRELOAD of the host
# would change what the closure does.
clean() {
  exec env -i PATH="$PATH" HOME="$state" TZ="${TZ-UTC0}" TERM="${TERM-dumb}" \
    OPENSSL_CONF=@openssl@/etc/ssl/openssl.cnf SASL_PATH=@cyrusSasl@/lib/sasl2 SASL_CONF_PATH="$role/etc/sasl2" \
    LDAPCONF="$run/ldap.conf" "$@"
}

socketUrl() { printf 'ldapi://%s' "$(printf '%s/ldapi' "$run" | sed 's|%|%25|g; s|/|%2F|g; s| |%20|g')"; }

# sed would read & and | in a value; the template is small enough to fill in by the shell.
fillTemplate() {
  while IFS= read -r line; do
    case $line in
      '@tls@') tlsLines ;;
      '@rootpw@') rootpwLine ;;
      *'@'*'@'*) fillLine "$line" ;;
      *) printf '%s\n' "$line" ;;
    esac
  done
}

fillLine() {
  before=${1%%@*} rest=${1#*@}
  case ${rest%%@*} in
    suffix) value=$suffix ;;
    admin) value=$admin ;;
    state) value=$state ;;
    run) value=$run ;;
    serverId) value=$serverId ;;
    maxSize) value=$maxSize ;;
    uid) value=$(id -u) ;;
    gid) value=$(id -g) ;;
    *) fail "BUG: the template names @${rest%%@*}@" ;;
  esac
  after=${rest#*@}
  case $after in
    *'@'*'@'*) printf '%s%s' "$before" "$value"; fillLine "$after" ;;
    *) printf '%s%s%s\n' "$before" "$value" "$after" ;;
  esac
}

tlsLines() {
  if [ -n "$certificate" ]; then
    printf 'TLSCertificateFile "%s"\nTLSCertificateKeyFile "%s"\n' "$certificate" "$key"
    [ -z "$authority" ] || printf 'TLSCACertificateFile "%s"\n' "$authority"
  fi
}

# Hashed, so that the clear password is on disk in the secret's file alone.
rootpwLine() {
  if [ -n "$passwordFile" ]; then
    printf 'rootpw %s\n' "$( (clean slappasswd -n -T "$passwordFile") )"
  fi
}

writeConfiguration() {
  checkParameters
  mkdir -p "$state/data" "$run" || fail "cannot make $state/data and $run as user $(id -u)"
  {
    printf 'URI %s\nBASE %s\n' "$(socketUrl)" "$suffix"
    [ -z "$authority" ] || printf 'TLS_CACERT %s\n' "$authority"
  } > "$run/ldap.conf"
  fillTemplate < "$role/etc/slapd.conf" > "$run/slapd.conf.new"
  mv "$run/slapd.conf.new" "$run/slapd.conf"
  if (clean slaptest -Q -u -f "$run/slapd.conf" 2> /dev/null); then return; fi
  # slaptest says why only among the thousand lines that it prints about what is right.
  (clean slaptest -u -d config -f "$run/slapd.conf" 2>&1) | tail -n 4 >&2
  fail "slapd refuses $run/slapd.conf, see above"
}

initialise() {
  writeConfiguration
  if [ -e "$state/data/data.mdb" ]; then return; fi
  attribute=${suffix%%=*} value=${suffix#*=}
  value=${value%%,*}
  case $attribute in
    dc) classes='dcObject organization' extra="o: $value" ;;
    o) classes=organization extra= ;;
    ou) classes=organizationalUnit extra= ;;
    *) fail "LDAP_SUFFIX: expected dc=, o= or ou= first, found: $suffix; load an entry of your own instead" ;;
  esac
  {
    printf 'dn: %s\n' "$suffix"
    printf 'objectClass: %s\n' $classes
    printf '%s: %s\n' "$attribute" "$value"
    [ -z "$extra" ] || printf '%s\n' "$extra"
  } | (clean slapadd -f "$run/slapd.conf" -b "$suffix") || fail "cannot write the first entry into $state/data"
}

command=${1-}
[ $# -eq 0 ] || shift
case $command in
  config) writeConfiguration ;;
  init) initialise ;;
  start)
    initialise
    # -s 0: the host's syslog is not ours; what is logged goes to stderr, where the service's manager takes it.
    clean "$openldap/libexec/slapd" -d "$log" -s 0 -f "$run/slapd.conf" -h "$(socketUrl) $urls"
    ;;
  health) clean ldapsearch -x -LLL -o nettimeout=5 -H "$(socketUrl)" -s base -b '' namingContexts ;;
  load)
    writeConfiguration
    clean slapadd -q -f "$run/slapd.conf" -b "$suffix" ${1:+-l "$1"}
    ;;
  dump)
    [ -e "$run/slapd.conf" ] || writeConfiguration
    clean slapcat -f "$run/slapd.conf" -b "$suffix"
    ;;
  exec) [ $# -gt 0 ] || usage; clean "$@" ;;
  *) usage ;;
esac
