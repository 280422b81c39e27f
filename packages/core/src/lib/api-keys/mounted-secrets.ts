/** A Secret as it is mounted. */
export interface SecretFolder {
  /** The name of its folder. */
  readonly name: string
  /** The files, by name, without the blanks around their texts. */
  readonly fields: Readonly<Partial<Record<FieldName, string>>>
}

const fieldNames = ['key', 'username', 'roles', 'created-at', 'expires-at', 'keycloak-user-id'] as const
type FieldName = (typeof fieldNames)[number]

/** What to read, and with what. */
export interface MountedSecretsOptions {
  readonly files: typeof import('node:fs/promises')
  readonly paths: typeof import('node:path')
  readonly folder: string
  /** What the folder was when it was last read. */
  readonly except: string | undefined
}

const maxFolders = 10_000
const maxBytes = 8192
/** How many Secrets are read at a time. */
const together = 32
const maxTries = 5

/**
 * Reads a folder of mounted Secrets. A mount keeps its files in a folder that `..data` points to, and exchanges that link: the
 * files of a Secret are read from one such folder, so that they belong together.
 *
 * @returns the Secrets, with a stamp that changes when a file does; `undefined` where the stamp is still `except`
 */
export async function mountedSecrets(
  options: MountedSecretsOptions,
): Promise<{ readonly secrets: readonly SecretFolder[]; readonly stamp: string } | undefined> {
  let places = await findPlaces(options)
  for (let tries = 0; tries < maxTries; tries++) {
    const stamp = JSON.stringify(places)
    if (stamp === options.except) return undefined
    const secrets = await inParts(places, async ({ name, place }) => ({
      name,
      fields: await readFields(options, place),
    }))
    places = await findPlaces(options)
    // What was exchanged while it was read is read again
    if (JSON.stringify(places) === stamp) return { secrets, stamp }
  }
  throw new Error('The folder changes all the time')
}

/** Where a Secret is, and what its files were. */
interface Place {
  readonly name: string
  readonly place: string
  readonly stamps: readonly string[]
}

async function findPlaces(options: MountedSecretsOptions): Promise<readonly Place[]> {
  const { files, paths, folder } = options
  return inParts(await secretNames(options), async (name) => {
    const place = await realFolder(files, paths, paths.join(folder, name))
    const stamps = await Promise.all(fieldNames.map((field) => stampOf(files, paths.join(place, field))))
    return { name: name === '' ? paths.basename(folder) : name, place, stamps }
  })
}

async function readFields({ files, paths }: MountedSecretsOptions, place: string): Promise<SecretFolder['fields']> {
  const fields = fieldNames.map(async (name) => [name, await readField(files, paths.join(place, name))] as const)
  return Object.fromEntries((await Promise.all(fields)).filter(([, value]) => value !== undefined))
}

/** Does something with each, so many at a time that no process runs out of open files. */
async function inParts<T, R>(all: readonly T[], work: (one: T) => Promise<R>): Promise<R[]> {
  const done: R[] = []
  for (let from = 0; from < all.length; from += together) {
    done.push(...(await Promise.all(all.slice(from, from + together).map(work))))
  }
  return done
}

/** The folders of the Secrets, by name; the empty name where the folder is one itself. */
async function secretNames({ files, folder }: MountedSecretsOptions): Promise<string[]> {
  const entries = await files.readdir(folder, { withFileTypes: true })
  if (entries.some(({ name }) => name === 'key')) return ['']
  const names = entries
    // `..data` and the folders that it points to belong to the mount
    .filter((entry) => !entry.name.startsWith('.') && (entry.isDirectory() || entry.isSymbolicLink()))
    .map(({ name }) => name)
    .sort()
  if (names.length > maxFolders) throw new Error(`There are more than ${maxFolders} Secrets`)
  return names
}

async function realFolder(
  files: MountedSecretsOptions['files'],
  paths: MountedSecretsOptions['paths'],
  folder: string,
): Promise<string> {
  try {
    return await files.realpath(paths.join(folder, '..data'))
  } catch {
    return folder
  }
}

async function stampOf(files: MountedSecretsOptions['files'], path: string): Promise<string> {
  try {
    const { ino, size, mtimeMs, ctimeMs } = await files.stat(path)
    return `${ino}:${size}:${mtimeMs}:${ctimeMs}`
  } catch {
    return '-'
  }
}

/** The text of a file; `undefined` where there is none, where it cannot be read, and where it is no field of a Secret. */
async function readField(files: MountedSecretsOptions['files'], path: string): Promise<string | undefined> {
  try {
    const { size } = await files.stat(path)
    return size > maxBytes ? undefined : (await files.readFile(path, 'utf8')).trim()
  } catch {
    return undefined
  }
}
