import { availableParallelism } from 'node:os'
import type { Logger } from '@mcp-gateway/core'
import {
  checkOptions,
  FieldLogger,
  flag,
  invalidConfiguration,
  listOf,
  loggerType,
  notNegative,
  type OptionTypes,
  oneOf,
  optional,
  positive,
  recordOf,
  text,
  textList,
} from '@mcp-gateway/core/internal'
import { createLogger } from '@mcp-gateway/core/logging'
import type { ChildSpec } from '../process/windows-command.js'

/** What a child may inherit: enough to find programs, a home and a language, and nothing that holds a secret. */
const inherited =
  process.platform === 'win32'
    ? 'APPDATA COMSPEC HOMEDRIVE HOMEPATH LOCALAPPDATA PATH PATHEXT PROCESSOR_ARCHITECTURE PROGRAMDATA PROGRAMFILES SYSTEMDRIVE SYSTEMROOT TEMP TMP USERNAME USERPROFILE WINDIR'
    : 'HOME LANG LC_ALL LC_CTYPE LOGNAME PATH SHELL TERM TMPDIR TZ USER'

/** How to start a stdio MCP server, and what it may cost. */
export interface StdioBridgeOptions {
  /** The program. Started directly, never through a shell; on Windows `npx` and other `.cmd` files are found too. */
  readonly command: string
  /** Its arguments, each as it is. Not for secrets: every user of the machine can read them. */
  readonly args?: readonly string[]
  /** Variables for the child beside the few that it inherits (`PATH`, `HOME`, language and time zone). */
  readonly env?: Readonly<Record<string, string>>
  /** The child's working directory; the bridge's own by default. */
  readonly cwd?: string
  /**
   * The path of the server; every other one is 404. The path of the resource that was checked in front (by a gateway or
   * `bearerAuth`) by default, and `/mcp` where none was. Tell it where a host in front takes a prefix off.
   */
  readonly path?: string
  /**
   * Where the lines of the children's stderr (level `debug`) and crashes (level `warn`) go, all with the field `service`. Mounted
   * without a gateway, the bridge writes one line for each request too, as gateways do.
   */
  readonly logger?: Logger
  /**
   * Who shares a process. `session` (the default for legacy clients): each session has its own. `principal`: the
   * sessions of one user share one. `pool` (the default for modern clients): everybody shares a few; only for servers
   * that keep nothing of one client that another could see. `request`: each request has its own. A modern client has no
   * sessions, so `session` means `principal` for it.
   */
  readonly isolation?: 'session' | 'principal' | 'pool' | 'request'
  /**
   * Whether to serve the HTTP+SSE transport of 2024-11-05 too, to clients that know nothing newer.
   *
   * @default false
   */
  readonly httpSse?: boolean
  /**
   * Processes of a pool of modern children. One more is started when all are crowded.
   *
   * @default 4
   */
  readonly poolSize?: number
  /**
   * Processes started ahead of the sessions that will need them.
   *
   * @default 0
   */
  readonly prewarmed?: number
  /**
   * Processes at once. Beyond it 503.
   *
   * @default 256
   */
  readonly maxChildren?: number
  /**
   * Processes at once that were started for one user (of a token). Beyond it 429.
   *
   * @default 64
   */
  readonly maxChildrenPerPrincipal?: number
  /**
   * Processes that one user (of a token) may have started in a minute. Beyond it 429.
   *
   * @default 120
   */
  readonly maxStartsPerMinute?: number
  /** Processes that may be between their start and their first answer, as many as there are cores by default. */
  readonly startConcurrency?: number
  /**
   * Sessions at once. Beyond it `initialize` is answered 503.
   *
   * @default 256
   */
  readonly maxSessions?: number
  /**
   * Sessions of one user (of a token) at once. Beyond it `initialize` is answered 429.
   *
   * @default 32
   */
  readonly maxSessionsPerPrincipal?: number
  /**
   * Requests of one session that may wait for their answers. Beyond it 429.
   *
   * @default 128
   */
  readonly maxRequestsInFlight?: number
  /**
   * Bytes that a child may leave unread in its stdin. Beyond it 503 for requests, notifications and answers alike.
   * Cancellations pass, shortened.
   *
   * @default 8 MiB
   */
  readonly maxQueuedBytes?: number
  /**
   * Longest message that a child may write, in bytes.
   *
   * @default 32 MiB
   */
  readonly maxMessageBytes?: number
  /**
   * Bytes of sent events that a session keeps for `Last-Event-ID`.
   *
   * @default 1 MiB
   */
  readonly historyBytes?: number
  /**
   * Calls of modern clients at once whose legacy server has a question, so that they wait in it until the client
   * comes back with the answer. Beyond it such a call is answered 503.
   *
   * @default 256
   */
  readonly maxParkedCalls?: number
  /**
   * Of those the calls of one user (of a token). Beyond it 429.
   *
   * @default 16
   */
  readonly maxParkedCallsPerPrincipal?: number
  /**
   * Seconds that a modern client has to come back with an answer. Then its call is cancelled.
   *
   * @default 300
   */
  readonly parkedCallTimeout?: number
  /**
   * Seconds that a client waits for the first answer of a server that is started for it: for its turn, its start, and the
   * question which era it speaks. Below the minute that clients wait.
   *
   * @default 50
   */
  readonly handshakeTimeout?: number
  /**
   * Seconds without a sign of life after which a request fails. Progress begins them anew.
   *
   * @default 300
   */
  readonly requestTimeout?: number
  /**
   * Seconds after which a request fails in any case, one of the server to a legacy client too.
   *
   * @default 3600
   */
  readonly maxRequestTime?: number
  /**
   * Seconds without a request or an open stream after which a session ends.
   *
   * @default 900
   */
  readonly idleTimeout?: number
  /** Seconds after which a session ends in any case, a day by default. */
  readonly maxSessionAge?: number
  /**
   * Seconds between the comments that keep a silent stream open.
   *
   * @default 15
   */
  readonly keepAlive?: number
  /**
   * Seconds that `close` lets the requests under way go on.
   *
   * @default 5
   */
  readonly drainTimeout?: number
  /** Seconds from the end of stdin to SIGTERM, and from there to SIGKILL; 2 and 3 by default. */
  readonly stopGrace?: readonly [number, number]
}

/** The options with their defaults, checked. */
export interface Settings {
  readonly isolation: StdioBridgeOptions['isolation']
  readonly httpSse: boolean
  readonly poolSize: number
  readonly prewarmed: number
  readonly maxChildren: number
  readonly maxChildrenPerPrincipal: number
  readonly maxStartsPerMinute: number
  readonly startConcurrency: number
  readonly spec: ChildSpec
  readonly logger: Logger
  readonly maxSessions: number
  readonly maxSessionsPerPrincipal: number
  readonly maxRequestsInFlight: number
  readonly maxParkedCalls: number
  readonly maxParkedCallsPerPrincipal: number
  readonly parkedCallTimeout: number
  readonly maxQueuedBytes: number
  readonly maxMessageBytes: number
  readonly historyBytes: number
  readonly handshakeTimeout: number
  readonly requestTimeout: number
  readonly maxRequestTime: number
  readonly idleTimeout: number
  readonly maxSessionAge: number
  readonly keepAlive: number
  readonly drainTimeout: number
  readonly stopGrace: readonly [number, number]
}

/** What the lines of the bridge say that they are from. */
export const service = 'stdio-bridge'

/** Reads the options once; throws `invalid_configuration` for what cannot work. */
export function readOptions(options: StdioBridgeOptions): Settings {
  checkOptions('createStdioBridge', options, stdioBridgeTypes)
  const {
    command,
    args = [],
    env = {},
    cwd,
    logger = createLogger(),
    isolation,
    httpSse = false,
    poolSize = 4,
    prewarmed = 0,
    maxChildren = 256,
    maxChildrenPerPrincipal = 64,
    maxStartsPerMinute = 120,
    startConcurrency = availableParallelism(),
    maxSessions = 256,
    maxSessionsPerPrincipal = 32,
    maxRequestsInFlight = 128,
    maxParkedCalls = 256,
    maxParkedCallsPerPrincipal = 16,
    parkedCallTimeout = 300,
    maxQueuedBytes = 8_388_608,
    maxMessageBytes = 33_554_432,
    historyBytes = 1_048_576,
    handshakeTimeout = 50,
    requestTimeout = 300,
    maxRequestTime = 3600,
    idleTimeout = 900,
    maxSessionAge = 86_400,
    keepAlive = 15,
    drainTimeout = 5,
    stopGrace = [2, 3],
  } = options
  checkCommand(command, args, env, cwd)
  const numbers = {
    poolSize,
    maxChildren,
    maxChildrenPerPrincipal,
    maxStartsPerMinute,
    startConcurrency,
    maxSessions,
    maxSessionsPerPrincipal,
    maxRequestsInFlight,
    maxParkedCalls,
    maxParkedCallsPerPrincipal,
    parkedCallTimeout,
    maxQueuedBytes,
    maxMessageBytes,
    handshakeTimeout,
    requestTimeout,
    maxRequestTime,
    idleTimeout,
    maxSessionAge,
    keepAlive,
  }
  if (stopGrace.length !== 2) {
    throw invalidConfiguration('stopGrace must be two numbers of seconds, such as [2, 3]')
  }
  const spec = { command, args, env: childEnvironment(env), cwd }
  const own = new FieldLogger(logger, { service })
  return { spec, logger: own, isolation, httpSse, prewarmed, ...numbers, historyBytes, drainTimeout, stopGrace }
}

function checkCommand(command: unknown, args: unknown, env: Readonly<Record<string, unknown>>, cwd: unknown): void {
  if (typeof command !== 'string' || command.trim() === '') {
    throw invalidConfiguration('command must name the program that speaks MCP on stdio, such as "npx" or "node"')
  }
  if (!Array.isArray(args) || !args.every((argument) => typeof argument === 'string')) {
    throw invalidConfiguration('args must be a list of strings, one for each argument')
  }
  for (const [name, value] of Object.entries(env)) {
    if (typeof value !== 'string') throw invalidConfiguration(`env.${name} must be a string`)
    if (name === '' || name.includes('=') || `${name}${value}`.includes('\0')) {
      throw invalidConfiguration(
        `env has ${JSON.stringify(name)}; names have no "=", and neither names nor values have NUL bytes`,
      )
    }
  }
  if (cwd !== undefined && (typeof cwd !== 'string' || cwd === ''))
    throw invalidConfiguration('cwd must be the path of a folder')
  if ([command, ...args, cwd].some((text) => typeof text === 'string' && text.includes('\0'))) {
    throw invalidConfiguration('command, args and cwd must not hold NUL bytes')
  }
}

/** The whole environment of a child: the few inherited names, then what was configured. */
export function childEnvironment(configured: Readonly<Record<string, string>>): Record<string, string> {
  const environment: Record<string, string> = {}
  for (const name of inherited.split(' ')) {
    const value = process.env[name]
    // A value that begins like this is a shell function (CVE-2014-6271)
    if (value !== undefined && !value.startsWith('()')) environment[name] = value
  }
  return { ...environment, ...configured }
}

const stdioBridgeTypes: OptionTypes<StdioBridgeOptions> = {
  command: text,
  args: optional(textList),
  env: optional(recordOf(text)),
  cwd: optional(text),
  path: optional(text),
  logger: optional(loggerType),
  isolation: optional(oneOf('session', 'principal', 'pool', 'request')),
  httpSse: optional(flag),
  prewarmed: optional(notNegative),
  historyBytes: optional(notNegative),
  drainTimeout: optional(notNegative),
  stopGrace: optional(listOf(notNegative, 'two numbers of seconds, such as [2, 3]')),
  poolSize: optional(positive),
  maxChildren: optional(positive),
  maxChildrenPerPrincipal: optional(positive),
  maxStartsPerMinute: optional(positive),
  startConcurrency: optional(positive),
  maxSessions: optional(positive),
  maxSessionsPerPrincipal: optional(positive),
  maxRequestsInFlight: optional(positive),
  maxQueuedBytes: optional(positive),
  maxMessageBytes: optional(positive),
  maxParkedCalls: optional(positive),
  maxParkedCallsPerPrincipal: optional(positive),
  parkedCallTimeout: optional(positive),
  handshakeTimeout: optional(positive),
  requestTimeout: optional(positive),
  maxRequestTime: optional(positive),
  idleTimeout: optional(positive),
  maxSessionAge: optional(positive),
  keepAlive: optional(positive),
}
