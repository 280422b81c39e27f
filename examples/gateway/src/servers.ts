import { readFileSync } from 'node:fs'
import { dirname, isAbsolute, resolve } from 'node:path'
import { z } from 'zod'
import { type Settings, SettingsError } from './settings.js'

/** One MCP server to serve: a program that speaks stdio, or a URL that speaks HTTP. */
export type ServerEntry = {
  /** What clients may call it. */
  readonly name: string
  /** The path it is served at. */
  readonly path: string
} & ({ readonly url: string } | ProgramEntry)

interface ProgramEntry {
  /** What it is called in the banner; its command line where absent. */
  readonly title?: string
  readonly command: string
  readonly args: readonly string[]
  /** What the program gets beside the few variables that every child inherits. */
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
}

const program = z.object({
  command: z.string().min(1),
  args: z.array(z.string()).default([]),
  env: z.record(z.string(), z.string()).default({}),
  cwd: z.string().optional(),
  type: z.literal('stdio').optional(),
})
const remote = z.object({
  url: z.string().refine((url) => /^https?:\/\//.test(url) && URL.canParse(url), 'has to be an http or https URL'),
  type: z.enum(['http', 'streamable-http']).optional(),
})
const file = z.object({ mcpServers: z.record(z.string(), z.unknown()) })

/**
 * The servers that the settings name: those of a file in the form that clients use (`mcpServers`), the program of
 * `MCP_COMMAND`, or none.
 *
 * @param folder what relative paths start from
 * @throws {SettingsError} that names the file and the server
 */
export function readServers(settings: Settings, folder: string): ServerEntry[] {
  if (settings.serversFile !== undefined)
    return fromFile(resolve(folder, settings.serversFile), settings.childVariables)
  if (settings.command === undefined) return []
  const [command, ...args] = settings.command
  return [{ name: 'example', path: '/mcp', command, args, env: settings.childVariables, cwd: folder }]
}

function fromFile(path: string, shared: Readonly<Record<string, string>>): ServerEntry[] {
  const { success, data } = file.safeParse(readJson(path))
  if (!success) throw wrong(path, 'has to be a JSON object with a member "mcpServers"')
  const entries = Object.entries(data.mcpServers)
  if (entries.length === 0) throw wrong(path, 'names no server in "mcpServers"')
  return entries.map(([name, value]) => {
    if (!/^[A-Za-z0-9_-]{1,64}$/.test(name)) {
      throw wrong(path, `names a server ${JSON.stringify(name)}; use letters, digits, - and _, since it becomes a path`)
    }
    const place = { name, path: `/${name}/mcp` }
    const isRemote = typeof value === 'object' && value !== null && 'url' in value
    if (isRemote) return { ...place, ...parsed(remote, value, path, name) }
    const { cwd, ...entry } = parsed(program, value, path, name)
    const expand = (text: string) => withVariables(text, path, name)
    return {
      ...place,
      command: expand(entry.command),
      args: entry.args.map(expand),
      env: {
        ...shared,
        ...Object.fromEntries(Object.entries(entry.env).map(([key, text]) => [key, expand(text)])),
      },
      cwd: cwd === undefined || isAbsolute(cwd) ? (cwd ?? dirname(path)) : resolve(dirname(path), cwd),
    }
  })
}

function parsed<T>(schema: z.ZodType<T>, value: unknown, path: string, name: string): T {
  const { success, data, error } = schema.safeParse(value)
  if (success) return data
  const [issue] = error.issues
  const member = issue?.path.join('.') ?? ''
  throw wrong(path, `server ${name}: ${member === '' ? 'it' : `"${member}"`} ${issue?.message ?? 'is wrong'}`)
}

/** `${NAME}` and `${NAME:-default}`, as clients read them. */
function withVariables(text: string, path: string, name: string): string {
  return text.replace(/\$\{([A-Za-z_]\w*)(?::-([^}]*))?\}/g, (_, variable: string, fallback: string | undefined) => {
    const value = process.env[variable] ?? fallback
    if (value === undefined) throw wrong(path, `server ${name}: the variable ${variable} is not set`)
    return value
  })
}

function readJson(path: string): unknown {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    throw wrong(path, 'cannot be read')
  }
  try {
    return JSON.parse(text)
  } catch (error) {
    throw wrong(path, `is not JSON: ${error instanceof Error ? error.message : error}`)
  }
}

function wrong(path: string, what: string): SettingsError {
  return new SettingsError(`MCP_SERVERS=${path} ${what}.`)
}
