/**
 * Roles: a server's whole declared content as one store object. Its `bin/` holds the programs of the packages that it
 * names and its own start script; what that needs of them it finds by their store paths.
 */
import { type AnyPackage, definePackage, type NoOptions, type Package, type Packages, sh, type Text } from "@cab/core";
import { stdenvRecipe } from "./stdenv.ts";

export interface ServerRoleSpec<P extends Packages> {
  readonly name: string;
  readonly description?: string;
  /** In the script, and in templates as `@key@`, each stands under its key. */
  readonly packages: P;
  /** Packages whose programs appear in the role's `bin/`. */
  readonly programs: readonly (keyof P & string)[];
  /** A folder of templates and scripts: `$src`. */
  readonly files: AnyPackage;
  /** Makes the rest of `$out` from `$src`. */
  readonly install: Text;
}

type RoleSpec<P extends Packages> = ServerRoleSpec<P> & { readonly inputs: P };

export const serverRole = <const P extends Packages>(
  role: ServerRoleSpec<P>,
): Package<NoOptions, P, RoleSpec<P>, "out"> =>
  definePackage<NoOptions, P, RoleSpec<P>>({ ...role, inputs: role.packages }, (chosen, host) => {
    const { spec, inputs } = chosen;
    const packages: Packages = inputs;
    const script = sh`phase link
mkdir -p "$out/bin"
for package in ${spec.programs.map((name) => packages[name] as AnyPackage)}; do
  for program in "$package"/bin/* "$package"/sbin/* "$package"/libexec/*; do
    if [[ -f $program && -x $program ]]; then ln -s "$program" "$out/bin"; fi
  done
done
phase install
${spec.install}
fixup`;
    return stdenvRecipe(
      {
        fullName: spec.name,
        outputs: ["out"],
        script,
        env: { name: spec.name, version: "", src: spec.files, inputs: Object.values(packages), ...packages },
      },
      host,
    );
  });
