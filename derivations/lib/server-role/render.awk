# Completes a file's text: @param:NAME@ becomes the value, and what stands between @when:NAME@ and @end:NAME@ stays only if there
# is one. Values are exported as param_NAME.

{ text = text $0 "\n" }

END {
  hidden = 0
  while (match(text, /@(param|when|end):[a-z][a-zA-Z0-9]*@/)) {
    before = substr(text, 1, RSTART - 1)
    token = substr(text, RSTART + 1, RLENGTH - 2)
    text = substr(text, RSTART + RLENGTH)
    split(token, part, ":")
    name = "param_" part[2]
    if (!hidden) printf "%s", before
    if (part[1] == "when") { if (hidden || !(name in ENVIRON)) hidden++ }
    else if (part[1] == "end") { if (hidden) hidden-- }
    else if (!hidden) printf "%s", ENVIRON[name]
  }
  printf "%s", text
}
