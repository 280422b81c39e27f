import { isObject } from '../../../json/is-object.js'

/** Where a policy decision point is asked. */
export interface AuthZenEndpoints {
  /** The path of a single question. */
  readonly evaluation: string
  /** The path of many at once; absent where the decision point takes none. */
  readonly evaluations?: string
}

/** The paths of AuthZEN 1.0 sections 6.1 and 7.1, for decision points without metadata. */
export const standardEndpoints: AuthZenEndpoints = {
  evaluation: '/access/v1/evaluation',
  evaluations: '/access/v1/evaluations',
}

/** The suffix of the well-known path (AuthZEN 1.0 section 9.2). */
export const wellKnownPath = '/.well-known/authzen-configuration'

/**
 * Reads the metadata of a policy decision point. Endpoints have to be below its URL: the token that is sent there is meant
 * for no other place.
 *
 * @param base the URL that was configured, without a slash at its end
 * @returns the endpoints as paths below the base, or what is wrong
 * @see AuthZEN 1.0 section 9
 */
export function readAuthZenMetadata(body: unknown, base: string): AuthZenEndpoints | string {
  if (!isObject(body)) return 'answers with metadata that is no object'
  const { policy_decision_point: name, access_evaluation_endpoint: one, access_evaluations_endpoint: many } = body
  if (typeof name !== 'string' || name.replace(/\/$/, '') !== base) {
    return 'names another policy_decision_point in its metadata; set url to what it names, if that is the right one'
  }
  const evaluation = below(one, base)
  if (evaluation === undefined) return 'names no access_evaluation_endpoint below its URL in its metadata'
  if (many === undefined) return { evaluation }
  const evaluations = below(many, base)
  return evaluations === undefined
    ? 'names an access_evaluations_endpoint in its metadata that is not below its URL'
    : { evaluation, evaluations }
}

/** The path of an endpoint below the base; neither another origin nor a way up may come of it. */
function below(endpoint: unknown, base: string): string | undefined {
  if (typeof endpoint !== 'string' || !endpoint.startsWith(`${base}/`)) return undefined
  const path = endpoint.slice(base.length)
  const isPlain = /^(?:\/[\w~!$&'()*+,;=:@%-][\w.~!$&'()*+,;=:@%-]*)+$/.test(path)
  return isPlain ? path : undefined
}
