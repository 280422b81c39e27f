import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { ApiKey, ApiKeys, CreateApiKeyOptions } from '@mcp-gateway/core/api-keys'
import { exampleKeys } from './gateway.js'
import { readSettings, SettingsError } from './settings.js'
import { exampleStorage } from './storage.js'

const usage = `Manages the API keys of the example gateway.

  keys create NAME [--roles a,b] [--scopes a,b] [--tools a,b] [--servers URL,URL] [--addresses a,b] [--days 90 | --days never]
  keys list [--owner NAME]
  keys revoke ID [--because TEXT]
  keys rotate ID [--grace SECONDS]

The key is shown once, by create and by rotate, alone on a line of the standard output.`

/** What a person got wrong. */
class UsageError extends Error {}

const { positionals, values } = read(() =>
  parseArgs({
    allowPositionals: true,
    options: {
      roles: { type: 'string' },
      scopes: { type: 'string' },
      tools: { type: 'string' },
      servers: { type: 'string' },
      addresses: { type: 'string' },
      days: { type: 'string', default: '90' },
      owner: { type: 'string' },
      because: { type: 'string' },
      grace: { type: 'string', default: '86400' },
    },
  }),
)

const commands: Record<string, (keys: ApiKeys, argument: string) => Promise<void>> = {
  async create(keys, name) {
    const { key, apiKey } = await keys.create(settingsOf(name))
    console.error(`Made ${describe(apiKey)}\nKeep it now, it is not shown again:`)
    console.log(key)
  },
  async list(keys) {
    const { owner } = values
    let cursor: string | undefined
    do {
      const page = await keys.list({
        ...(owner !== undefined && { owner: { serviceAccount: owner } }),
        ...(cursor !== undefined && { cursor }),
      })
      for (const apiKey of page.keys) console.log(describe(apiKey))
      cursor = page.cursor
    } while (cursor !== undefined)
  },
  async revoke(keys, id) {
    const { because } = values
    const revoked = await keys.revoke(id, { by: 'keys command', ...(because !== undefined && { because }) })
    console.log(describe(revoked ?? missing(id)))
  },
  async rotate(keys, id) {
    const { key, apiKey } = (await keys.rotate(id, { grace: numberOf('grace', values.grace) })) ?? missing(id)
    console.error(`Rotated ${describe(apiKey)}\nKeep it now, it is not shown again:`)
    console.log(key)
  },
}

try {
  await run()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = error instanceof UsageError ? 2 : 1
}

async function run(): Promise<void> {
  const [name = '', argument = '', ...more] = positionals
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command === undefined || more.length > 0 || (name !== 'list') === (argument === '')) throw new UsageError(usage)
  const { redisUrl } = settings()
  const folder = process.env.INIT_CWD ?? process.cwd()
  const storage = exampleStorage({ redisUrl, file: join(folder, '.data', 'gateway.sqlite') })
  try {
    await command(exampleKeys(storage), argument)
  } finally {
    await storage.close()
  }
}

function settings(): ReturnType<typeof readSettings> {
  try {
    return readSettings(process.env)
  } catch (error) {
    throw error instanceof SettingsError ? new UsageError(error.message) : error
  }
}

function settingsOf(serviceAccount: string): CreateApiKeyOptions {
  const { roles, scopes, tools, servers, addresses, days } = values
  const lists = Object.entries({ roles, scopes, tools, servers, addresses }).flatMap(([name, text]) =>
    text === undefined ? [] : [[name, text.split(',').map((one) => one.trim())]],
  )
  return {
    owner: { serviceAccount },
    name: serviceAccount,
    createdBy: 'keys command',
    expiresAt: days === 'never' ? null : Date.now() / 1000 + numberOf('days', days) * 86_400,
    ...Object.fromEntries(lists),
  }
}

function describe({
  id,
  name,
  roles = [],
  scopes,
  expiresAt,
  revokedAt,
  lastUsedAt,
  last4,
  graceUntil,
}: ApiKey): string {
  const at = (time: number) => new Date(time * 1000).toISOString()
  return [
    id,
    name,
    `...${last4}`,
    `roles=${roles.join(',')}`,
    `scopes=${scopes.join(',')}`,
    `ends=${expiresAt === null ? 'never' : at(expiresAt)}`,
    ...(lastUsedAt === undefined ? ['unused'] : [`used=${at(lastUsedAt)}`]),
    ...(graceUntil === undefined ? [] : [`earlier secret until ${at(graceUntil)}`]),
    ...(revokedAt === undefined ? [] : [`revoked=${at(revokedAt)}`]),
  ].join('  ')
}

function numberOf(option: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new UsageError(`--${option} has to be a whole number, not ${text}`)
}

function missing(id: string): never {
  throw new Error(`There is no key ${id}; "keys list" shows those that there are`)
}

function read<T>(parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`)
    process.exit(2)
  }
}
