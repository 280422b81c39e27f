import { existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Where Debian keeps the binaries of PostgreSQL, which are not on the path there. */
const postgresFolders = existsSync('/usr/lib/postgresql')
  ? readdirSync('/usr/lib/postgresql').map((version) => `/usr/lib/postgresql/${version}/bin`)
  : []

/** The path of a program, or nothing when it is not installed. */
export function findBinary(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...postgresFolders]
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path))
}

/**
 * Whether tests that need the program can run. Where it is missing they are left out, and this says so; on a machine
 * that tests for everybody (`CI`) it has to be there.
 */
export function hasBinary(name: string): boolean {
  if (findBinary(name)) return true
  if (process.env.CI) throw new Error(`${name} is not installed, and CI must test against a real one`)
  console.warn(`\n  NOT TESTED: ${name} is not installed, so nothing here was tried against a real one.\n`)
  return false
}
