import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { build } from '../walks/build-examples.js'

const root = join(import.meta.dirname, '../..')
const execute = promisify(execFile)

/** What `npm pack` put into the tarball of one package. */
export interface Packed {
  name: string
  version: string
  filename: string
  files: { path: string; size: number }[]
}

interface Manifest {
  name: string
  exports: Record<string, unknown>
  dependencies?: Record<string, string>
}

/** Someone's project that installed our packages from their tarballs. */
export interface Consumer {
  folder: string
  packed: Packed[]
  manifests: Manifest[]
  /** Runs a program in the folder and returns what it printed; throws with all of its output where it fails. */
  run(command: string, ...args: string[]): Promise<string>
  remove(): Promise<void>
}

/**
 * Builds and packs the packages, and installs the tarballs into an empty folder, offline: what they depend on comes
 * from this repository's `node_modules`, and only what they declare is there.
 */
export async function createConsumer(): Promise<Consumer> {
  await build('./packages/*')
  const folder = await mkdtemp(join(await realpath(tmpdir()), 'mcp-gateway-packaging-'))
  try {
    return await install(folder)
  } catch (error) {
    await rm(folder, { recursive: true })
    throw error
  }
}

async function install(folder: string): Promise<Consumer> {
  const names = await readdir(join(root, 'packages'))
  const manifests = await Promise.all(names.map((name) => readManifest(join(root, 'packages', name))))
  const paths = names.map((name) => `./packages/${name}`)
  const packed = JSON.parse(await npm(root, 'pack', '--json', '--pack-destination', folder, ...paths)) as Packed[]
  const others = manifests
    .flatMap(({ dependencies = {} }) => Object.keys(dependencies))
    .filter((name) => !/^@mcp-gateway\//.test(name))
  const dependencies = Object.fromEntries([
    ...packed.map(({ name, filename }) => [name, `file:${filename}`]),
    ...others.map((name) => [name, `file:${join(root, 'node_modules', name)}`]),
  ])
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module', dependencies }))
  await npm(folder, 'install', '--offline', '--install-links', '--ignore-scripts', '--no-package-lock')
  return {
    folder,
    packed,
    manifests,
    run: (command, ...args) => run(folder, command, args),
    remove: () => rm(folder, { recursive: true }),
  }
}

async function readManifest(folder: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Manifest
}

function npm(folder: string, ...args: string[]): Promise<string> {
  return run(folder, 'npm', [...args, '--silent', '--no-audit', '--no-fund'])
}

async function run(cwd: string, command: string, args: string[]): Promise<string> {
  try {
    return (await execute(command, args, { cwd, maxBuffer: 1e8 })).stdout
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string }
    throw new Error(`${command} ${args.join(' ')}\n${stdout}${stderr}`, { cause: error })
  }
}
