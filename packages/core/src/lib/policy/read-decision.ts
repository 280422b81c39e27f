import type { Decision, ShadowDecision } from '../contract/policy.js'

/** A refusal, as {@link Decision} has it. */
export type Denial = Extract<Decision, { allow: false }>

/** Longer lists and texts of a policy are cut: they go into a record and a log line. */
const maxItems = 50
const maxText = 500

/**
 * Reads what a policy has answered, whatever that is: only `allow: true` without obligations allows. Everything else is a
 * refusal, with the reason that the policy gave, or what is wrong with the answer.
 */
export function readDecision(answer: unknown): Decision {
  try {
    return read(answer)
  } catch {
    return denied('The policy answered with what cannot be read')
  }
}

/** A refusal without more to it. */
export function denied(reason: string): Denial {
  return { allow: false, reason }
}

/** For what could not be decided. */
export function undecided(reason: string): Denial {
  return { allow: false, reason, unavailable: true }
}

/** Whether it is the want of a decision. */
export function isUnavailable(decision: Decision): boolean {
  return !decision.allow && decision.unavailable === true
}

function read(answer: unknown): Decision {
  if (typeof answer !== 'object' || answer === null) return denied('The policy did not answer with a decision')
  const { allow, obligations } = answer as Record<string, unknown>
  if (allow === true) {
    if (!isNothing(obligations)) return denied('The policy allows it with obligations, which nothing here fulfils')
    return isWellFormed(answer) ? (answer as Decision) : { allow: true, ...shared(answer) }
  }
  if (allow !== false) return denied('The decision of the policy is neither true nor false')
  const { reason, public: isPublic, requiredScopes, unavailable } = answer as Record<string, unknown>
  const scopes = texts(requiredScopes)
  const isTold = typeof reason === 'string' && reason !== ''
  return {
    allow: false,
    reason: isTold ? reason.slice(0, maxText) : 'The policy gave no reason',
    // What is told must have been meant to be told
    ...(isPublic === true && isTold && { public: true }),
    ...(scopes !== undefined && { requiredScopes: scopes }),
    ...(unavailable === true && { unavailable: true }),
    ...shared(answer),
  }
}

function isNothing(obligations: unknown): boolean {
  return obligations === undefined || obligations === null || (Array.isArray(obligations) && obligations.length === 0)
}

/** Whether it says nothing but by which rules it is allowed, as most do. */
function isWellFormed(answer: object): boolean {
  for (const name in answer) {
    if (name === 'allow') continue
    const value = (answer as Record<string, unknown>)[name]
    if (name !== 'policies' || !Array.isArray(value) || value.length > maxItems || !value.every(isText)) return false
  }
  return true
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function shared(answer: object): { maxAge?: number; policies?: readonly string[]; shadow?: ShadowDecision } {
  const { maxAge, policies, shadow } = answer as Record<string, unknown>
  const ids = texts(policies)
  return {
    ...(maxAge !== undefined && { maxAge: typeof maxAge === 'number' && maxAge > 0 ? maxAge : 0 }),
    ...(ids !== undefined && { policies: ids }),
    ...(typeof shadow === 'object' && shadow !== null && { shadow: readShadow(shadow) }),
  }
}

function readShadow(shadow: object): ShadowDecision {
  const { allow, reason, policies } = shadow as Record<string, unknown>
  const ids = texts(policies)
  return {
    allow: allow === true,
    ...(typeof reason === 'string' && { reason: reason.slice(0, maxText) }),
    ...(ids !== undefined && { policies: ids }),
  }
}

function texts(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value)) return undefined
  const found = value.filter(isText).slice(0, maxItems)
  return found.length === 0 ? undefined : found
}
