/**
 * A role's services as systemd has them: https://www.freedesktop.org/software/systemd/man/systemd.service.html. What they run
 * stands below /cab/run, where an activation puts it, so a unit changes only with what it says here.
 */
import type { Declared } from "./role.ts";
import type { Supervised } from "./role-files.ts";
import { runDirectory } from "./role-programs.ts";

export const unitName = ({ name }: Declared, service: string): string => `cab-${name}-${service}.service`;

export const bootUnitName = ({ name }: Declared): string => `cab-${name}.service`;

const RESTART = { always: "always", "on-failure": "on-failure", never: "no" } as const;

export function serviceUnit(role: Declared, name: string, service: Supervised): string {
  const { after, restart, stopSeconds, everySeconds } = service;
  const folder = `${runDirectory(role.name)}/service/${name}`;
  const behind = after.filter((one) => !(one in role.tasks)).map((one) => unitName(role, one));
  return `[Unit]
Description=${name} of cab's role ${role.name}
After=${["network.target", ...behind].join(" ")}
StartLimitIntervalSec=0

[Service]
Type=exec
WorkingDirectory=${folder}
ExecStart=${folder}/${everySeconds === undefined ? "program" : "run"}
Restart=${RESTART[restart]}
RestartSec=1
TimeoutStopSec=${stopSeconds}`;
}

/** Brings the services back when the host has started; `@systemd@` is the manager, system or user. */
export function bootUnit(role: Declared): string {
  const current = `/cab/var/profiles/${role.name}/current/bin/activate`;
  return `[Unit]
Description=cab's role ${role.name}
After=network.target local-fs.target
RequiresMountsFor=/cab

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=${current} --systemd @systemd@ boot
ExecStop=${current} --systemd @systemd@ stop
TimeoutStartSec=infinity

[Install]
WantedBy=multi-user.target default.target`;
}
