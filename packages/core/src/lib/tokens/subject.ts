import type { AuthInfo } from '../contract/auth-info.js'

/**
 * Where a token names its user: the name of a claim, or a function that reads it. What it finds replaces the subject that
 * the verifier tells; where it finds nothing, the token names nobody. A value that equals the client id stands for the
 * client itself.
 */
export type SubjectOption = string | ((auth: AuthInfo) => unknown)

/** The same token with the subject that is found there. A name is looked for in `extra.claims`, then in `extra`. */
export function withSubject(auth: AuthInfo, where: SubjectOption | undefined): AuthInfo {
  if (where === undefined) return auth
  const subject = typeof where === 'function' ? where(auth) : (own(auth.extra?.claims, where) ?? own(auth.extra, where))
  return { ...auth, extra: { ...auth.extra, subject: typeof subject === 'string' ? subject : undefined } }
}

function own(from: unknown, name: string): unknown {
  return typeof from === 'object' && from !== null && Object.hasOwn(from, name)
    ? (from as Record<string, unknown>)[name]
    : undefined
}
