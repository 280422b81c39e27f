import type { AuthInfo } from '../contract/auth-info.js'
import type { Authority } from '../contract/authority.js'
import { GatewayError } from '../contract/gateway-error.js'
import type { Context, Handler, Middleware, Mountable } from '../contract/handler.js'
import type { IdentitySource, IdentityTerms } from '../contract/identity-source.js'
import { wrongOption } from '../contract/invalid-configuration.js'
import type { Logger } from '../contract/logger.js'
import {
  callable,
  checkOptions,
  filledText,
  flag,
  type OptionTypes,
  optional,
  textList,
  withMethods,
} from '../contract/option-types.js'
import type { Policy } from '../contract/policy.js'
import { isRefusal, Refusal } from '../contract/refusal.js'
import { recordRefusal } from '../contract/request-record.js'
import { loggerType } from '../contract/shared-option-types.js'
import { allowedOriginsOf, readBaseUrl } from '../gateway/base-url.js'
import { recover } from '../gateway/recover.js'
import { isIdentitySource } from '../gateway/server-options.js'
import { compose } from '../http/compose.js'
import { hostCheck } from '../http/host-check.js'
import { isMediaType } from '../http/media-type.js'
import { mountable } from '../http/mountable.js'
import { oauthError } from '../http/oauth-error.js'
import { isForeign, originMatcher } from '../http/origin-check.js'
import { readBody } from '../http/read-body.js'
import { requestPath } from '../http/request-path.js'
import { respond } from '../http/respond.js'
import { isObject } from '../json/is-object.js'
import { policyEnv, policySubject } from '../policy/policy-subject.js'
import { bearerAuth } from '../resource-server/bearer-auth.js'
import { authType } from '../tokens/authority-type.js'
import { checkIssuerScheme } from '../tokens/check-issuer-scheme.js'
import { type IssuerAuthorityOptions, issuerAuthority } from '../tokens/issuer-authority.js'
import { actorOf } from '../tokens/principal.js'
import type { ApiKey, ApiKeyOwner, CreateApiKeyOptions, UpdateApiKeyOptions } from './api-key.js'
import type { ApiKeys } from './create-api-keys.js'
import { isByKey } from './key-issuer.js'

/** How people manage keys over HTTP. */
export interface ApiKeyManagementOptions {
  /** The public URL of the handler, as clients write it; also the resource that access tokens must be for. */
  readonly url: string
  readonly keys: ApiKeys
  /**
   * Who issues the access tokens of people, or what tells who calls behind a reverse proxy. Left out among the `routes` of a
   * gateway, which has checked that already; by itself it then lets nobody in.
   */
  readonly auth?: Authority | IssuerAuthorityOptions | IdentitySource
  /**
   * The scope that every request needs.
   *
   * @default keys:manage
   */
  readonly scope?: string
  /**
   * Says who may manage the keys of everybody, and make those of service accounts. It is asked with the action `keys/create`,
   * `keys/list`, `keys/get`, `keys/update`, `keys/revoke` or `keys/rotate`, and the id of the key as the name of the resource. One
   * that throws is a refusal.
   *
   * @default nobody
   */
  readonly admin?: Policy
  /**
   * Lets whoever comes with an API key make keys, change them and rotate others than that one: a key that leaked then makes
   * more of its kind.
   *
   * @default false
   */
  readonly dangerouslyAllowKeys?: boolean
  /** Origins of pages that may call it; that of `url` by default, on loopback any loopback origin too. */
  readonly allowedOrigins?: readonly string[]
  readonly logger?: Logger
}

const types: OptionTypes<ApiKeyManagementOptions> = {
  url: filledText,
  keys: withMethods('createApiKeys(…)', 'create', 'list', 'get', 'update', 'revoke', 'rotate', 'rightsOf'),
  auth: optional((value, name) => {
    if (!isIdentitySource(value)) authType(value, name)
  }),
  scope: optional(filledText),
  admin: optional(callable),
  dangerouslyAllowKeys: optional(flag),
  allowedOrigins: optional(textList),
  logger: optional(loggerType),
}

/** The handler of `createApiKeyManagement`. */
export interface ApiKeyManagement extends Mountable {
  /** Whether the path of a request is one of its own. */
  match(request: Request): boolean
}

type Verb = 'create' | 'list' | 'get' | 'update' | 'revoke' | 'rotate'

/** Who asks. */
interface Caller {
  readonly auth: AuthInfo
  readonly owner: ApiKeyOwner
  /** In the records of keys. */
  readonly name: string
  /** The key that the caller came with. */
  readonly keyId?: string
}

const maxBytes = 65_536

/**
 * Lets people manage API keys over HTTP, in JSON: their own, and admins those of everybody.
 *
 * - `POST url` makes a key from `{ name, scopes?, ... }` (201, and the only answer with the key);
 * - `GET url` lists keys, with `?limit=` and `?cursor=`; admins with `?owner=all`, or `?issuer=&subject=` or `?serviceAccount=`;
 * - `GET url/ID`, `PATCH url/ID` and `DELETE url/ID` show, change and revoke one;
 * - `POST url/ID/rotate` gives it a new secret, with `{ grace? }` in seconds.
 *
 * The key of somebody else answers as one that is not there. Nobody gives a key what they may not do themselves. Bodies have to be
 * JSON, and requests of foreign pages are refused, so that no page acts for a person whom a proxy in front knows by a
 * cookie. No answer is to be cached.
 *
 * @throws {GatewayError} `invalid_configuration`
 * @example
 * ```ts
 * const management = createApiKeyManagement({
 *   url: 'https://mcp.example.com/api-keys',
 *   keys,
 *   auth: { issuer: 'https://login.example.com' },
 *   admin: ({ subject }) =>
 *     subject.roles.includes('mcp-admin') ? { allow: true } : { allow: false, reason: 'not an admin' },
 * })
 * ```
 */
export function createApiKeyManagement(options: ApiKeyManagementOptions): ApiKeyManagement {
  checkOptions('createApiKeyManagement', options, types)
  const { url, keys, scope = 'keys:manage', admin, dangerouslyAllowKeys = false, logger } = options
  const base = readBaseUrl(url)
  if (base.prefix === '') {
    throw wrongOption('createApiKeyManagement: url', url, 'one with a path, such as https://mcp.example.com/api-keys')
  }
  const isAllowedOrigin = originMatcher(allowedOriginsOf(options.allowedOrigins, base))
  const isServed = hostCheck([base.origin])
  const guard = options.auth && guardOf(options.auth, { resource: url, requiredScopes: [scope] })

  const isAdmin = async ({ auth }: Caller, verb: Verb, id: string | undefined, context: Context): Promise<boolean> => {
    if (admin === undefined) return false
    const decision = await admin({
      subject: policySubject(auth),
      action: `keys/${verb}`,
      resource: { server: url, kind: 'server', ...(id !== undefined && { name: id }) },
      env: policyEnv(context),
    })
    return decision.allow === true
  }

  const notFound = () => new Refusal(404, 'not_found', 'There is no such key')

  /** The key, where the caller may do this with it. */
  const accessible = async (
    caller: Caller,
    verb: Verb,
    id: string,
    context: Context,
  ): Promise<[ApiKey, isOwn: boolean]> => {
    const found = await keys.get(id)
    if (found !== undefined && isSame(found.owner, caller.owner)) return [found, true]
    // Asked for what is not there too, so that both take the same time
    if ((await isAdmin(caller, verb, id, context)) && found !== undefined) return [found, false]
    throw notFound()
  }

  const checkByKey = ({ keyId }: Caller, id?: string): void => {
    if (keyId === undefined || dangerouslyAllowKeys || (id !== undefined && id === keyId)) return
    throw new Refusal(403, 'access_denied', 'This cannot be done with an API key; sign in as a person')
  }

  /** Nobody gives a key what they may not do themselves; where rights are asked at each use, that is seen to there. */
  const checkGrant = async ({ auth, owner }: Caller, wanted: UpdateApiKeyOptions): Promise<void> => {
    if ((await keys.rightsOf(owner)) !== 'as-written') return
    const own = { scopes: auth.scopes, roles: textsOf(auth.extra?.roles), groups: textsOf(auth.extra?.groups) }
    for (const name of ['scopes', 'roles', 'groups'] as const) {
      const more = textsOf(wanted[name]).find((one) => !own[name].includes(one))
      if (more !== undefined) throw new Refusal(403, 'access_denied', `${name}: you do not have ${more} yourself`)
    }
  }

  const verbs: Record<Verb, (caller: Caller, request: Request, context: Context, id: string) => Promise<Response>> = {
    async create(caller, request, context) {
      checkByKey(caller)
      const { owner = caller.owner, ...settings } = (await readJson(request)) as Partial<CreateApiKeyOptions>
      if (!isSame(owner, caller.owner)) {
        if (!(await isAdmin(caller, 'create', undefined, context))) {
          throw new Refusal(403, 'access_denied', 'Only admins make keys for others and for service accounts')
        }
      } else await checkGrant(caller, settings)
      if ('createdBy' in settings) throw new Refusal(400, 'invalid_request', 'createdBy is whoever makes the key')
      return json(201, await keys.create({ ...(settings as CreateApiKeyOptions), owner, createdBy: caller.name }))
    },
    async list(caller, request, context) {
      const { searchParams } = new URL(request.url)
      const asked = ownerOf(searchParams, caller.owner)
      if (asked === undefined || !isSame(asked, caller.owner)) {
        if (!(await isAdmin(caller, 'list', undefined, context))) {
          throw new Refusal(403, 'access_denied', 'Only admins see the keys of others')
        }
      }
      const cursor = searchParams.get('cursor')
      const limit = searchParams.get('limit')
      return json(
        200,
        await keys.list({
          ...(asked !== undefined && { owner: asked }),
          ...(cursor !== null && { cursor: cursor.slice(0, 1024) }),
          ...(limit !== null && { limit: Number(limit) }),
        }),
      )
    },
    async get(caller, _request, context, id) {
      return json(200, (await accessible(caller, 'get', id, context))[0])
    },
    async update(caller, request, context, id) {
      checkByKey(caller)
      const changes = (await readJson(request)) as UpdateApiKeyOptions
      const [found, isOwn] = await accessible(caller, 'update', id, context)
      if (isOwn && !(await isAdmin(caller, 'update', id, context))) {
        await checkGrant(caller, changes)
        const more = textsOf(changes.scopes).find((one) => !found.scopes.includes(one))
        if (more !== undefined) {
          throw new Refusal(403, 'access_denied', `scopes: only admins add some, such as ${more}; make a new key`)
        }
      }
      return json(200, (await keys.update(id, changes)) ?? thrown(notFound()))
    },
    async revoke(caller, _request, context, id) {
      await accessible(caller, 'revoke', id, context)
      return json(200, (await keys.revoke(id, { by: caller.name })) ?? thrown(notFound()))
    },
    async rotate(caller, request, context, id) {
      checkByKey(caller, id)
      const { grace, ...others } = (await readJson(request)) as { grace?: number }
      const [stranger] = Object.keys(others)
      if (stranger !== undefined) throw new Refusal(400, 'invalid_request', 'A rotation has grace alone, in seconds')
      await accessible(caller, 'rotate', id, context)
      return json(200, (await keys.rotate(id, grace === undefined ? {} : { grace })) ?? thrown(notFound()))
    },
  }

  const serve: Handler = async (request, context) => {
    const route = routeOf(request, base.prefix)
    try {
      if (route === undefined) throw new Refusal(404, 'not_found', 'Nothing is served at this path')
      if ('allow' in route) {
        throw new Refusal(405, 'invalid_request', 'This method is not served here', { headers: { Allow: route.allow } })
      }
      return await verbs[route.verb](callerOf(context, { url, scope }), request, context, route.id)
    } catch (error) {
      return answer(error, context)
    }
  }

  const fromHere: Handler = (request, context) => {
    const origin = request.headers.get('origin')
    const isForeignPage = origin === null ? isForeign(request) : !isAllowedOrigin(origin)
    if (!isForeignPage && isServed(request)) return guarded(request, context)
    const code = isForeignPage ? 'foreign_page' : 'foreign_host'
    recordRefusal(context.record, { by: 'apiKeyManagement', code })
    const description = isForeignPage
      ? 'Pages of this origin are not allowed here; the operator can add it to allowedOrigins'
      : 'This Host is not served here'
    return oauthError(403, 'access_denied', description)
  }

  const guarded = compose(guard === undefined ? [] : [guard], serve)
  const handle = compose([recover('oauth')], fromHere)
  return mountable<Omit<ApiKeyManagement, 'fetch'>>({
    handle: (request, context) => handle(request, { logger, ...context }),
    match: (request) => {
      const path = requestPath(request.url)
      return path === base.prefix || path.startsWith(`${base.prefix}/`)
    },
    check: keys.check,
  })
}

function guardOf(auth: NonNullable<ApiKeyManagementOptions['auth']>, terms: IdentityTerms): Middleware {
  if (isIdentitySource(auth)) return auth.identify(terms)
  const authority = 'protect' in auth ? auth : issuerAuthority(auth)
  checkIssuerScheme(authority, terms.resource)
  return bearerAuth({
    ...terms,
    // No MCP client comes here to find out where to log in
    resourceMetadataUrl: null,
    tokenHeader: authority.tokenHeader,
    verifier: authority.protect(terms.resource, { name: 'API keys' }),
  })
}

/** What is asked for, by method and path; `allow` where the method is none of the path's. */
type Route = { readonly verb: Verb; readonly id: string } | { readonly allow: string } | undefined

function routeOf({ method, url }: Request, prefix: string): Route {
  const rest = requestPath(url).slice(prefix.length)
  const [, id = '', rotates] = /^\/([0-9A-Za-z]{12})(\/rotate)?$/.exec(rest) ?? []
  if (id === '' && rest !== '') return undefined
  const verbs = new Map<string, Verb>(rest === '' ? ofAll : rotates === undefined ? ofOne : ofRotation)
  const verb = verbs.get(method)
  return verb === undefined ? { allow: [...verbs.keys()].join(', ') } : { verb, id }
}

const ofAll: readonly [string, Verb][] = [
  ['GET', 'list'],
  ['POST', 'create'],
]
const ofOne: readonly [string, Verb][] = [
  ['GET', 'get'],
  ['PATCH', 'update'],
  ['DELETE', 'revoke'],
]
const ofRotation: readonly [string, Verb][] = [['POST', 'rotate']]

function callerOf({ auth, resource }: Context, { url, scope }: { url: string; scope: string }): Caller {
  // What was let in for another resource may have come with a token for that one
  if (auth !== undefined && resource === url && !auth.scopes.includes(scope)) {
    throw new Refusal(403, 'insufficient_scope', `The scope ${scope} is needed`)
  }
  const { issuer } = auth?.extra ?? {}
  const actor = auth && actorOf(auth)
  if (auth === undefined || resource !== url || actor === undefined || typeof issuer !== 'string') {
    throw new Refusal(403, 'access_denied', 'It is not known who calls, or who says so')
  }
  const name = `${issuer} ${actor.id}`
  if (!isByKey(issuer)) return { auth, name, owner: { issuer, subject: actor.id } }
  const owner: ApiKeyOwner =
    issuer === 'apikey' ? { serviceAccount: actor.id } : { issuer: issuer.slice('apikey:'.length), subject: actor.id }
  return { auth, name, owner, keyId: auth.clientId }
}

/** Whose keys are asked for; `undefined` for those of everybody. */
function ownerOf(parameters: URLSearchParams, caller: ApiKeyOwner): ApiKeyOwner | undefined {
  if (parameters.get('owner') === 'all') return undefined
  const serviceAccount = parameters.get('serviceAccount')
  if (serviceAccount !== null) return { serviceAccount }
  const issuer = parameters.get('issuer')
  const subject = parameters.get('subject')
  if (issuer === null && subject === null) return caller
  return { issuer: issuer ?? '', subject: subject ?? '' }
}

function isSame(one: ApiKeyOwner, other: ApiKeyOwner): boolean {
  const parts = (owner: ApiKeyOwner) => {
    const { issuer, subject, serviceAccount } = Object(owner) as Record<string, unknown>
    return JSON.stringify([issuer, subject, serviceAccount])
  }
  return parts(one) === parts(other)
}

/** Only JSON, which no form of a foreign page can send. */
async function readJson(request: Request): Promise<object> {
  if (!isMediaType(request.headers.get('content-type'), 'application/json')) {
    throw new Refusal(415, 'invalid_request', 'Send JSON, with Content-Type: application/json')
  }
  const body = await readBody(request, maxBytes)
  if (body === 'too-large') throw new Refusal(413, 'invalid_request', `A body has at most ${maxBytes} bytes`)
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
    if (isObject(value)) return value
  } catch {}
  throw new Refusal(400, 'invalid_request', 'The body must be a JSON object')
}

function json(status: number, value: unknown): Response {
  const headers = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' }
  return respond(JSON.stringify(value), { status, headers })
}

/** The one place where what was refused becomes an answer. */
function answer(error: unknown, { record }: Context): Response {
  const isOurs = error instanceof GatewayError && (error.code === 'invalid_request' || error.code === 'conflict')
  if (!isRefusal(error) && !isOurs) throw error
  const description = isRefusal(error) ? error.description : error.message
  const headers = isRefusal(error) ? error.headers : {}
  recordRefusal(record, { by: 'apiKeyManagement', code: error.code, reason: description })
  return oauthError(error.status, String(error.code), description, headers)
}

function thrown(error: unknown): never {
  throw error
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []
}
