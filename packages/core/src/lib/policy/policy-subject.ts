import type { AuthInfo } from '../contract/auth-info.js'
import type { Context } from '../contract/handler.js'
import type { PolicyActor, PolicyInput, PolicySubject } from '../contract/policy.js'
import { isObject } from '../json/is-object.js'
import { actorOf } from '../tokens/principal.js'

/** Actors of actors that are told; RFC 8693 section 4.1 sets no limit. */
const maxActors = 10

const nobody: PolicySubject = { clientId: '', scopes: [], roles: [], groups: [] }

/**
 * Who asks, for a policy: what the verified token tells. Without a token it is a subject that names nobody and has no rights.
 */
export function policySubject(auth: AuthInfo | undefined): PolicySubject {
  if (auth === undefined) return nobody
  const known = subjects.get(auth)
  if (known !== undefined) return known
  const subject = readSubject(auth)
  subjects.set(auth, subject)
  return subject
}

/** A verifier that keeps verified tokens gives the same object again. */
const subjects = new WeakMap<AuthInfo, PolicySubject>()

function readSubject(auth: AuthInfo): PolicySubject {
  const { issuer, roles, groups, claims } = auth.extra ?? {}
  const user = actorOf(auth)
  const actor = readActor(isObject(claims) ? claims.act : undefined, maxActors)
  return {
    ...(typeof issuer === 'string' && { issuer }),
    ...(user?.kind === 'user' && { id: user.id }),
    clientId: auth.clientId,
    scopes: texts(auth.scopes),
    roles: texts(roles),
    groups: texts(groups),
    ...(actor !== undefined && { actor }),
  }
}

/** The circumstances of a request, for a policy. */
export function policyEnv({ client }: Context): PolicyInput['env'] {
  const time = Math.floor(Date.now() / 1000)
  return client?.address === undefined ? { time } : { address: client.address, time }
}

function readActor(act: unknown, depth: number): PolicyActor | undefined {
  if (!isObject(act) || typeof act.sub !== 'string' || depth === 0) return undefined
  const actor = readActor(act.act, depth - 1)
  return {
    ...(typeof act.iss === 'string' && { issuer: act.iss }),
    id: act.sub,
    ...(actor !== undefined && { actor }),
  }
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}
