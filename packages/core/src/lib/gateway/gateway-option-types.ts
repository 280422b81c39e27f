import { invalidConfiguration, wrongOption } from '../contract/invalid-configuration.js'
import { observeType } from '../contract/observe-type.js'
import {
  anyOf,
  callable,
  filledText,
  flag,
  listOf,
  membersOf,
  notNegative,
  type OptionType,
  type OptionTypes,
  optional,
  recordOf,
  text,
  textList,
  withMethods,
} from '../contract/option-types.js'
import { loggerType, storageType, subjectType } from '../contract/shared-option-types.js'
import { rateLimitTypes } from '../limits/rate-limit.js'
import { messageTypes } from '../message/message-middleware.js'
import { type PageLook, pageLookTypes } from '../pages/page-look.js'
import { policyTypes } from '../policy/policy.js'
import { authType } from '../tokens/authority-type.js'
import type { GatewayOptions, LoggingOptions, ReadinessCheck, RouteOptions, ServerOptions } from './gateway-options.js'
import { isIdentitySource } from './server-options.js'

const middlewareList = listOf(callable, 'a list of middleware')

const aServer =
  'a handler such as proxy(…), a Mountable, what createMcpHandler(…) of the MCP SDK returns, or { server }'

/** One that is written with settings of its own, or none. */
const serverType: OptionType = (value, name) => {
  if (typeof value === 'object' && value !== null && 'server' in value && !isOfSdk(value)) settings(value, name)
  else handlerType(value, name)
}

const handlerType: OptionType = (value, name) => {
  if (typeof value === 'function') return
  if (typeof value !== 'object' || value === null) throw wrongOption(name, value, aServer)
  if (isOfSdk(value)) {
    throw invalidConfiguration(
      `${name} is a server object of the MCP SDK, which serves one connection; wrap what makes it: createMcpHandler(() => buildServer()) of @modelcontextprotocol/server, or run it on its own and give proxy(url)`,
    )
  }
  const { handle, fetch } = value as Readonly<Record<string, unknown>>
  if (typeof ('handle' in value ? handle : fetch) !== 'function') throw wrongOption(name, value, aServer)
}

function isOfSdk(value: object): boolean {
  return 'connect' in value && typeof value.connect === 'function' && !('handle' in value) && !('fetch' in value)
}

/** A policy, or one with options. */
const policyType: OptionType = (value, name) => {
  if (typeof value !== 'function') policySettings(value, name)
}

const policySettings = membersOf({ ...policyTypes, rules: callable })

const settings: OptionType = membersOf<ServerOptions>({
  server: handlerType,
  requiredScopes: optional(textList),
  scopesSupported: optional(textList),
  scopeHierarchy: optional(recordOf(textList)),
  dpop: optional(withMethods('dpop({ storage })', 'prove')),
  policy: optional(policyType),
  middleware: optional(middlewareList),
  name: optional(text),
  dangerouslyAllowAnonymous: optional(flag),
})

const routeHandlerType = anyOf('a handler or a Mountable', callable, withMethods('a Mountable', 'handle'))

const routeSettings = membersOf<RouteOptions>({
  handle: routeHandlerType,
  requiredScopes: optional(textList),
  guard: optional(callable),
  dangerouslyAllowAnonymous: optional(flag),
})

/** A Mountable has `handle` and `fetch`; settings have a `handle` that is one, or a handler. */
const routeType: OptionType = (value, name) => {
  if (typeof value === 'object' && value !== null && !('fetch' in value)) routeSettings(value, name)
  else routeHandlerType(value, name)
}

const readinessSettings = membersOf<ReadinessCheck>({ check: optional(callable), required: optional(flag) })

const readinessType: OptionType = anyOf('a function, or { check, required }', callable, readinessSettings)

type RateLimits = NonNullable<GatewayOptions['rateLimits']>

export const gatewayTypes: OptionTypes<GatewayOptions> = {
  url: text,
  auth: optional((value, name) => {
    if (!isIdentitySource(value)) authType(value, name)
  }),
  subject: optional(subjectType),
  servers: recordOf(serverType, 'an object with a server for each path'),
  routes: optional(recordOf(routeType)),
  page: optional((value, name) => {
    if (value !== false) membersOf<PageLook>(pageLookTypes)(value, name)
  }),
  vault: optional(withMethods('createVault(…)', 'handle', 'match')),
  middleware: optional(middlewareList),
  logger: optional(loggerType),
  logging: optional(membersOf<LoggingOptions>({ userKey: optional(text) })),
  observe: optional(observeType),
  storage: optional(storageType),
  rateLimits: optional(
    membersOf<RateLimits>({
      address: optional(membersOf(rateLimitTypes)),
      identity: optional(membersOf(rateLimitTypes)),
    }),
  ),
  addressHeader: optional(filledText),
  allowedOrigins: optional(textList),
  allowedHosts: optional(textList),
  rootResource: optional(text),
  message: optional(membersOf(messageTypes)),
  readiness: optional(recordOf(readinessType)),
  drainTimeout: optional(notNegative),
  dangerouslyAllowAnonymous: optional(flag),
}
