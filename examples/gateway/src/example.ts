import { createRequire } from 'node:module'
import { basename, join } from 'node:path'
import type { Handler } from '@mcp-gateway/core'
import { translateEras } from '@mcp-gateway/core/eras'
import { opa } from '@mcp-gateway/core/policy/opa'
import { proxy } from '@mcp-gateway/core/proxy'
import { devLogin } from '@mcp-gateway/oauth-server'
import { createStdioBridge, type StdioBridge } from '@mcp-gateway/stdio-bridge'
import { canRun } from './can-run.js'
import { type ExampleOptions, exampleGateway, logger } from './gateway.js'
import { type ExampleHistory, exampleHistory } from './history.js'
import { readServers, type ServerEntry } from './servers.js'
import { type Settings, SettingsError } from './settings.js'
import { type ExampleStorage, exampleStorage } from './storage.js'
import { withAdmins } from './with-admins.js'

/** A gateway made from settings, and what the banner has to know about it. */
export interface Example {
  readonly gateway: ReturnType<typeof exampleGateway>
  readonly storage: ExampleStorage
  readonly history?: ExampleHistory
  /** The origin that clients see. */
  readonly url: string
  readonly servers: readonly ExampleServer[]
  readonly auth: boolean
  readonly opaUrl: string | undefined
}

/** One server, in words. */
export interface ExampleServer {
  /** What clients may call it. */
  readonly name: string
  readonly path: string
  /** What is run or asked. */
  readonly program: string
  /** The names of the variables that it gets beside those that every child inherits. */
  readonly variables: readonly string[]
  /** Starts it once, where it has to be fetched first; resolves when it answers. */
  readonly warmUp?: () => Promise<unknown>
}

/**
 * Makes the gateway that the settings ask for. Opens nothing and runs nothing.
 *
 * @param port the port that is listened on, where the settings leave it open
 * @throws {SettingsError}
 * @throws {GatewayError} of the part that refused
 */
export function createExample(settings: Settings, port = settings.port): Example {
  const url = settings.publicUrl ?? `http://127.0.0.1:${port}`
  // npm starts scripts in the folder of their package; what a person typed is relative to where they typed it.
  const folder = process.env.INIT_CWD ?? process.cwd()
  const storage = exampleStorage({ redisUrl: settings.redisUrl, file: join(folder, '.data', 'gateway.sqlite') })
  const history = settings.historyDsn === undefined ? undefined : exampleHistory(settings.historyDsn)
  const named = readServers(settings, folder)
  const entries = named.length > 0 ? named : [everything(settings, folder)]
  const made = entries.map((entry) => ({ entry, ...make(entry, settings) }))
  return {
    gateway: exampleGateway({
      url,
      storage,
      auth: settings.auth,
      history,
      servers: Object.fromEntries(made.map(({ entry, server }) => [entry.path, server])),
      names: entries.map(({ name, path }) => ({ name, url: url + path })),
      policy: policyOf(settings),
      scopes: settings.scopes,
      identityProvider: withAdmins(devLogin(), settings.admins),
    }),
    storage,
    history,
    url,
    servers: made.map(({ about }) => about),
    auth: settings.auth,
    opaUrl: settings.opaUrl,
  }
}

/** The rules are those of policy/authz.rego, which has one for a request and one for the names of a list. */
function policyOf({ opaUrl, opaTimeout: timeout = 1 }: Settings): ExampleOptions['policy'] {
  if (opaUrl === undefined) return undefined
  const rules = opa({ url: opaUrl, path: 'mcp/authz/allow', listPath: 'mcp/authz/allowed', timeout, logger })
  return { rules, timeout: Math.max(5, 2 * timeout) }
}

/** Programs that may fetch what they run, which takes longer than a start. */
const fetchers = /^(?:npx|pnpx|bunx|uvx|uv|pipx|docker|podman|deno)(?:\.(?:cmd|exe))?$/

function make(entry: ServerEntry, settings: Settings): { server: Handler | StdioBridge; about: ExampleServer } {
  const { name, path } = entry
  if ('url' in entry) {
    const about = { name, path, program: `${entry.url}, over HTTP`, variables: [] }
    return { server: proxy(entry.url, { eras: translateEras() }), about }
  }
  const { command, args, env, cwd } = entry
  if (!canRun(command, cwd)) {
    const where = settings.serversFile === undefined ? 'MCP_COMMAND' : `MCP_SERVERS, server ${name}`
    throw new SettingsError(`${where}: there is no program ${command}. It is run without a shell, from ${cwd}.`)
  }
  const isFetched = fetchers.test(basename(command))
  // Clients wait a minute for an answer; with half of that they hear what is wrong before they give up.
  const { startTimeout: handshakeTimeout = isFetched ? 300 : 30 } = settings
  const bridge = createStdioBridge({ command, args, env, cwd, path, handshakeTimeout })
  const program = `${entry.title ?? [command, ...args].join(' ')}, bridged from stdio, one process per session`
  const about = { name, path, program, variables: Object.keys(env), warmUp: isFetched ? bridge.check : undefined }
  return { server: bridge, about }
}

// Run by this very Node: npx would ask the registry first, and would not be the child that gets the signals.
function everything({ childVariables: env }: Settings, cwd: string): ServerEntry {
  const manifest = createRequire(import.meta.url).resolve('@modelcontextprotocol/server-everything/package.json')
  const args = [join(manifest, '../dist/index.js'), 'stdio']
  const title = '@modelcontextprotocol/server-everything'
  return { name: 'everything', path: '/everything/mcp', title, command: process.execPath, args, env, cwd }
}
