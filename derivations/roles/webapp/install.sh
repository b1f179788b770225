# What the role adds to the programs that serverRole links: the start script and nginx's configuration, with the store
# paths of this generation. Env: src (this directory); nginx, uwsgi, python, busybox (their paths).
# It knows nothing of an instance: those parameters are read when the server starts.

mkdir -p "$out/etc"
# In the template a store path stands between two at signs, to tell it from the instance's parameters.
sed "s|@@nginx@@|$nginx|" "$src/nginx.conf" > "$out/etc/nginx.conf"
sed -e "s|@out@|$out|; s|@nginx@|$nginx|; s|@uwsgi@|$uwsgi|; s|@python@|$python|; s|@busybox@|$busybox|" \
  "$src/webapp.sh" > "$out/bin/webapp"
chmod +x "$out/bin/webapp"
