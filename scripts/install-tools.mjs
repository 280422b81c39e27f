import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'

/**
 * Installs packages into a folder of their own, for what needs another Node than the tree or is too large for it.
 *
 * @param {string} folder the folder, whose other packages npm removes
 * @param {string[]} packages with their versions
 */
export function installTools(folder, packages) {
  mkdirSync(folder, { recursive: true })
  const flags = ['--prefix', folder, '--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error']
  const { status } = spawnSync('npm', ['install', ...flags, ...packages], { stdio: 'inherit' })
  if (status !== 0) throw new Error(`npm could not install ${packages.join(' ')}`)
}
