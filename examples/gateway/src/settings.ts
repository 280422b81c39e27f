import { isLoopbackHost } from '@mcp-gateway/core/gateway'
import { z } from 'zod'
import { splitCommand } from './split-command.js'

/** What a person can set, read from the environment once. */
export interface Settings {
  /** The port to listen on, always on 127.0.0.1; 0 takes a free one. */
  port: number
  /** The origin that clients see; follows the port where it is not set. */
  publicUrl?: string
  /** The stdio server to serve instead of the default one, as a program and its arguments. */
  command?: readonly [string, ...string[]]
  /** A file in the `mcpServers` form that clients use, with several servers. */
  serversFile?: string
  /** Variables of this process that the stdio servers get too, by name and value. */
  childVariables: Readonly<Record<string, string>>
  /** Seconds that a stdio server may take from its start to its first answer. */
  startTimeout?: number
  /** The Redis server that keeps what a restart must not lose, in place of a file. */
  redisUrl?: string
  /** Where calls are written down: `postgres://…`, or `sqlite:` and a path. */
  historyDsn?: string
  /** Whether tokens are needed; without them everything has to be on loopback. */
  auth: boolean
  /** The Open Policy Agent that says who may call what. */
  opaUrl?: string
  /** Seconds that it may take for an answer. */
  opaTimeout?: number
  /** Scopes beside `mcp` that users may grant to clients. */
  scopes: readonly string[]
  /** Who has the role `admin`, by the name that is typed at the login. */
  admins: readonly string[]
}

/** A setting is wrong, or the world does not fit it. The message is all that a person gets to see. */
export class SettingsError extends Error {}

/** Words with commas between. */
const words = (what: string, valid: RegExp) =>
  z
    .string()
    .default('')
    .transform((text) =>
      text
        .split(',')
        .map((word) => word.trim())
        .filter((word) => word !== ''),
    )
    .refine((all) => all.every((word) => valid.test(word)), `has to be ${what}, with commas between`)

const environment = z.object({
  PORT: z
    .string()
    .default('8787')
    .refine((port) => /^\d{1,5}$/.test(port) && Number(port) <= 65_535, 'has to be a number from 0 to 65535'),
  PUBLIC_URL: z
    .string()
    .refine(
      isOrigin,
      'has to be an origin such as http://127.0.0.1:8787, without a path and without a slash at the end',
    )
    .optional(),
  MCP_COMMAND: z
    .string()
    .transform((line, context) => {
      const command = splitCommand(line)
      if (command) return command
      context.addIssue({ code: 'custom', message: 'has to be a program and its arguments, with every quote closed' })
      return z.NEVER
    })
    .optional(),
  MCP_SERVERS: z.string().optional(),
  MCP_ENV: z
    .string()
    .transform((names) => names.split(',').map((name) => name.trim()))
    .refine(
      (names) => names.every((name) => /^[A-Za-z_]\w*$/.test(name)),
      'has to be names of variables, such as API_KEY,HTTPS_PROXY',
    )
    .optional(),
  MCP_START_TIMEOUT: z
    .string()
    .refine(
      (seconds) => /^\d{1,4}$/.test(seconds) && Number(seconds) >= 1 && Number(seconds) <= 3600,
      'has to be a number of seconds from 1 to 3600',
    )
    .optional(),
  REDIS_URL: z
    .string()
    .refine(
      (url) => /^rediss?:\/\/[^/]/.test(url) && URL.canParse(url),
      'has to be a URL such as redis://127.0.0.1:6379',
    )
    .optional(),
  HISTORY_DSN: z
    .string()
    .refine(
      (dsn) => /^sqlite:./.test(dsn) || (/^postgres(?:ql)?:\/\/[^/]/.test(dsn) && URL.canParse(dsn)),
      'has to be a URL such as postgres://127.0.0.1/app, or sqlite:history.db',
    )
    .optional(),
  AUTH: z.enum(['on', 'off'], 'has to be on or off').default('on'),
  OPA_URL: z
    .string()
    .refine(
      (url) => /^https?:\/\/[^/@?#]+\/?$/.test(url) && URL.canParse(url),
      'has to be the URL of an Open Policy Agent, such as http://127.0.0.1:8181, without a path',
    )
    .optional(),
  OPA_TIMEOUT: z
    .string()
    .refine(
      (seconds) => /^\d{1,2}$/.test(seconds) && Number(seconds) >= 1 && Number(seconds) <= 60,
      'has to be a number of seconds from 1 to 60',
    )
    .optional(),
  // RFC 6749 section 3.3
  SCOPES: words('scopes, such as tool:search:invoke', /^[\x21\x23-\x5b\x5d-\x7e]+$/),
  ADMINS: words('names that are typed at the login', /^[\p{L}\p{N}][\p{L}\p{N} ._@+-]{0,63}$/u),
})

/** Reads the settings; an empty variable counts as one that is not set. Throws a {@link SettingsError} for a wrong one. */
export function readSettings(variables: Record<string, string | undefined>): Settings {
  const set = Object.fromEntries(Object.entries(variables).filter(([, value]) => value?.trim()))
  const { success, data, error } = environment.safeParse(set)
  if (!success) {
    const lines = error.issues.map(
      ({ path: [name], message }) => `${String(name)}=${shown(String(name), set)} ${message}.`,
    )
    throw new SettingsError(lines.join('\n'))
  }
  if (data.AUTH === 'off' && data.PUBLIC_URL && !isLoopbackHost(new URL(data.PUBLIC_URL).hostname)) {
    throw new SettingsError(
      `AUTH=off is for loopback alone, and PUBLIC_URL=${data.PUBLIC_URL} is not. Leave one of them out.`,
    )
  }
  if (data.MCP_COMMAND && data.MCP_SERVERS) {
    throw new SettingsError('MCP_COMMAND and MCP_SERVERS both name servers. Leave one of them out.')
  }
  const missing = data.MCP_ENV?.filter((name) => variables[name] === undefined) ?? []
  if (missing.length > 0) {
    throw new SettingsError(`MCP_ENV names ${missing.join(', ')}, which is not set. Set it, or take it out of MCP_ENV.`)
  }
  return {
    port: Number(data.PORT),
    publicUrl: data.PUBLIC_URL,
    command: data.MCP_COMMAND,
    serversFile: data.MCP_SERVERS,
    childVariables: Object.fromEntries((data.MCP_ENV ?? []).map((name) => [name, variables[name] as string])),
    startTimeout: data.MCP_START_TIMEOUT === undefined ? undefined : Number(data.MCP_START_TIMEOUT),
    redisUrl: data.REDIS_URL,
    historyDsn: data.HISTORY_DSN,
    auth: data.AUTH === 'on',
    opaUrl: data.OPA_URL,
    opaTimeout: data.OPA_TIMEOUT === undefined ? undefined : Number(data.OPA_TIMEOUT),
    scopes: data.SCOPES,
    admins: data.ADMINS,
  }
}

// These hold a password, which has no place in a terminal.
function shown(name: string, variables: Record<string, string | undefined>): string {
  return name === 'REDIS_URL' || name === 'HISTORY_DSN' ? '…' : (variables[name] ?? '')
}

function isOrigin(url: string): boolean {
  return /^https?:/.test(url) && URL.canParse(url) && new URL(url).origin === url
}
