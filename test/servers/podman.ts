import { execFile, execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

/** Podman with a storage of its own and an image of this very Node, since no registry of images is asked. */
export interface Podman {
  /** The image: `/node` and the libraries that it needs. */
  readonly image: string
  readonly folder: string
  run(...parameters: string[]): Promise<string>
  /** Removes all that was made. */
  stop(): Promise<void>
}

const image = 'localhost/this-node:1'

/** Makes the storage and the image. Containers have no network. */
export async function startPodman(): Promise<Podman> {
  const folder = mkdtempSync(join(tmpdir(), 'podman-'))
  const settings = join(folder, 'containers.conf')
  writeFileSync(settings, '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n')
  const own = ['--root', join(folder, 'storage'), '--runroot', join(folder, 'run'), '--storage-driver', 'vfs']
  const run = async (...parameters: string[]): Promise<string> => {
    const all = [...own, '--cgroup-manager', 'cgroupfs', '--runtime', 'runc', ...parameters]
    const { stdout, stderr } = await promisify(execFile)('podman', all, {
      env: { ...process.env, CONTAINERS_CONF: settings },
    })
    return stdout || stderr
  }
  const stop = async (): Promise<void> => {
    await run('pod', 'rm', '--all', '--force').catch(() => {})
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const root = join(folder, 'root')
    const node = realpathSync(process.execPath)
    mkdirSync(root)
    copyFileSync(node, join(root, 'node'))
    for (const [library] of execFileSync('ldd', [node], { encoding: 'utf8' }).matchAll(/\/[^ )]+/g)) {
      mkdirSync(join(root, dirname(library)), { recursive: true })
      copyFileSync(library, join(root, library))
    }
    execFileSync('tar', ['-C', root, '-cf', join(folder, 'image.tar'), '.'])
    await run('import', join(folder, 'image.tar'), image)
  } catch (error) {
    await stop()
    throw error
  }
  return { image, folder, run, stop }
}
