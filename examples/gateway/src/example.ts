import { createRequire } from 'node:module'
import { join } from 'node:path'
import { canRun } from './can-run.js'
import { exampleGateway } from './gateway.js'
import { type Settings, SettingsError } from './settings.js'
import { type ExampleStorage, exampleStorage } from './storage.js'

/** A gateway made from settings, and what the banner has to know about it. */
export interface Example {
  readonly gateway: ReturnType<typeof exampleGateway>
  readonly storage: ExampleStorage
  /** The origin that clients see. */
  readonly url: string
  /** The path of the MCP server. */
  readonly path: string
  /** What clients may call it. */
  readonly name: string
  /** What is run, in words. */
  readonly program: string
  readonly auth: boolean
}

/**
 * Makes the gateway that the settings ask for. Opens nothing and runs nothing.
 *
 * @param port the port that is listened on, where the settings leave it open
 * @throws SettingsError, or the GatewayError of the part that refused
 */
export function createExample(settings: Settings, port = settings.port): Example {
  const url = settings.publicUrl ?? `http://127.0.0.1:${port}`
  // npm starts scripts in the folder of their package; what a person typed is relative to where they typed it.
  const folder = process.env.INIT_CWD ?? process.cwd()
  const storage = exampleStorage({ redisUrl: settings.redisUrl, file: join(folder, '.data', 'gateway.sqlite') })
  const [command, ...args] = settings.command ?? everything()
  if (!canRun(command, folder)) {
    throw new SettingsError(`MCP_COMMAND: there is no program ${command}. It is run without a shell, from ${folder}.`)
  }
  const path = settings.command ? '/mcp' : '/everything/mcp'
  // Clients wait a minute for an answer; with half of that they hear what is wrong before they give up.
  const server = { command, args, cwd: folder, handshakeTimeout: 30 }
  return {
    gateway: exampleGateway({ url, storage, auth: settings.auth, path, server }),
    storage,
    url,
    path,
    name: settings.command ? 'example' : 'everything',
    program: settings.command?.join(' ') ?? '@modelcontextprotocol/server-everything',
    auth: settings.auth,
  }
}

// Run by this very Node: npx would ask the registry first, and would not be the child that gets the signals.
function everything(): [string, ...string[]] {
  const manifest = createRequire(import.meta.url).resolve('@modelcontextprotocol/server-everything/package.json')
  return [process.execPath, join(manifest, '../dist/index.js'), 'stdio']
}
