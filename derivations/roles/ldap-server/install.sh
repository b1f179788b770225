# What the role adds to the programs that serverRole links: the start script and its templates, with the store paths of
# this generation. Env: src (this directory); openldap, openssl, cyrusSasl, busybox (their paths).
# It knows nothing of an instance: those parameters are read when the server starts.

mkdir -p "$out/etc/sasl2"
# In the template a store path stands between two at signs, to tell it from the instance's parameters.
sed "s|@@openldap@@|$openldap|" "$src/slapd.conf" > "$out/etc/slapd.conf"
cp "$src/sasl-slapd.conf" "$out/etc/sasl2/slapd.conf"
ln -s "$openldap/etc/openldap/schema" "$out/etc/schema"
sed -e "s|@out@|$out|; s|@openldap@|$openldap|; s|@openssl@|$openssl|; s|@cyrusSasl@|$cyrusSasl|; s|@busybox@|$busybox|" \
  "$src/ldap-server.sh" > "$out/bin/ldap-server"
chmod +x "$out/bin/ldap-server"
