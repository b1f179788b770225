/**
 * Secrets, by name. What one is is known on the host alone, when a role is activated; a build must never see it, since
 * derivations, stores and logs are readable. So nothing that describes a build takes this value.
 */
import { RecipeError } from "./failure.ts";

export interface Secret {
  readonly _tag: "Secret";
  readonly name: string;
  /** For the type checker's message, wherever text is wanted. */
  readonly inBuilds: typeof SECRET_IN_A_BUILD;
}

export const SECRET_IN_A_BUILD =
  "a secret is known on the host alone, when a role is activated: no build may see it, nor anything that is hashed";

/** What stands in a union of types only to give the message about secrets: there is no such value. */
export interface NoSecret {
  readonly _tag: "Secret";
  readonly inBuilds: never;
}

export const secret = (name: string): Secret => {
  if (!/^[a-z0-9][a-z0-9-]*$/.test(name)) {
    throw new RecipeError({
      _tag: "BadRecipe",
      reason: `${JSON.stringify(name)} cannot name a secret`,
      remedy: "use lower-case letters, digits and -, such as ldap-root-password",
    });
  }
  return Object.freeze(Object.assign(Object.create(SECRET), { _tag: "Secret", name, inBuilds: SECRET_IN_A_BUILD }));
};

/** The type checker lets any value into a plain template and into JSON.stringify; this does not. */
const SECRET: object = Object.freeze({
  [Symbol.toPrimitive]: () => {
    throw secretRefused();
  },
  toJSON: () => {
    throw secretRefused();
  },
});

export const secretRefused = (): RecipeError =>
  new RecipeError({
    _tag: "BadRecipe",
    reason: SECRET_IN_A_BUILD,
    remedy: "have the role hand it to the service that needs it",
  });
