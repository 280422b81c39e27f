import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join, resolve, sep } from 'node:path'

/** Whether a program of this name can be run from a folder, so that a typo is told at the start and not to a client. */
export function canRun(program: string, folder: string): boolean {
  // Windows adds extensions of its own to a name.
  if (process.platform === 'win32') return true
  const candidates = program.includes(sep)
    ? [resolve(folder, program)]
    : (process.env.PATH ?? '').split(delimiter).map((path) => join(path, program))
  return candidates.some(isExecutable)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}
