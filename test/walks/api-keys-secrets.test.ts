import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { stringify } from 'yaml'
import { hasBinary } from '../servers/binary.js'
import { startPodman } from '../servers/podman.js'

const root = join(import.meta.dirname, '../..')

/** Runs in the container: says what becomes of each token of its environment. */
const program = `
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { apiKeysFromFolder, createApiKeyVerifier } from '@mcp-gateway/core/api-keys'
if (process.env.FOLDER !== '/keys') {
  for (const secret of readdirSync('/keys')) {
    mkdirSync(process.env.FOLDER + '/' + secret, { recursive: true })
    for (const field of readdirSync('/keys/' + secret)) {
      const text = Buffer.from(readFileSync('/keys/' + secret + '/' + field, 'utf8'), 'base64')
      writeFileSync(process.env.FOLDER + '/' + secret + '/' + field, text)
    }
  }
}
const verifier = createApiKeyVerifier(apiKeysFromFolder(process.env.FOLDER), { resource: 'https://mcp.example.com/mcp' })
for (const token of process.env.TOKENS.split(' ')) {
  const said = await verifier.verifyAccessToken(token).then(
    ({ clientId, extra }) => [clientId, extra.subject, extra.roles.join('+'), process.getuid()].join(' '),
    ({ reason, code }) => reason ?? code,
  )
  console.log(said)
}`

test.runIf(hasBinary('podman'))(
  'API keys of Secrets that a Pod mounts work there, read by a user without rights',
  { timeout: 120_000 },
  async () => {
    const podman = await startPodman()
    onTestFinished(podman.stop)
    const code = join(podman.folder, 'code')
    const decoded = join(podman.folder, 'decoded')
    for (const folder of [code, decoded]) mkdirSync(folder)
    chmodSync(decoded, 0o777)
    writeFileSync(join(code, 'program.ts'), program)
    const bundle = ['--bundle', '--format=esm', '--platform=node', '--conditions=@mcp-gateway/source']
    execFileSync(
      join(root, 'node_modules/.bin/esbuild'),
      [join(code, 'program.ts'), ...bundle, `--outfile=${join(code, 'program.mjs')}`, '--log-level=error'],
      { env: { ...process.env, NODE_PATH: join(root, 'node_modules') } },
    )

    const [good, unreadable] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')]
    // Podman before 4.4 mounts the data of a Secret in base64, as they are written; Kubernetes decodes them
    const isOld = /^podman version 4\.[0-3]\./.test(await podman.run('--version'))
    const secret = (name: string, key: string, end: string) => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name },
      data: Object.fromEntries(
        Object.entries({
          key,
          username: 'alice',
          roles: 'mcp-viewer,mcp-dba',
          'created-at': '2026-11-30T10:00:00Z',
          'expires-at': end,
          'keycloak-user-id': 'user-1',
        }).map(([field, text]) => [field, Buffer.from(text).toString('base64')]),
      ),
    })
    const names = ['mcp-api-key-alice-1', 'mcp-api-key-alice-2'] as const
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'keys' },
      spec: {
        restartPolicy: 'Never',
        containers: [
          {
            name: 'gateway',
            image: podman.image,
            command: ['/node', '/code/program.mjs'],
            env: [
              { name: 'TOKENS', value: `${good} ${unreadable} ${'0'.repeat(64)} demo-token-12345` },
              { name: 'FOLDER', value: isOld ? '/decoded' : '/keys' },
            ],
            securityContext: {
              runAsUser: 65_534,
              readOnlyRootFilesystem: true,
              allowPrivilegeEscalation: false,
              capabilities: { drop: ['ALL'] },
            },
            volumeMounts: [
              { name: 'code', mountPath: '/code', readOnly: true },
              { name: 'decoded', mountPath: '/decoded' },
              ...names.map((name) => ({ name, mountPath: `/keys/${name}`, readOnly: true })),
            ],
          },
        ],
        volumes: [
          { name: 'code', hostPath: { path: code, type: 'Directory' } },
          { name: 'decoded', hostPath: { path: decoded, type: 'Directory' } },
          ...names.map((name) => ({ name, secret: { secretName: name, optional: false } })),
        ],
      },
    }
    const manifest = join(podman.folder, 'pod.yaml')
    const objects = [secret(names[0], good, 'never'), secret(names[1], unreadable, 'in a year'), pod]
    writeFileSync(manifest, objects.map((one) => stringify(one)).join('---\n'))
    await podman.run('play', 'kube', '--network', 'none', manifest)
    const status = await podman.run('wait', 'keys-gateway')
    const said = await podman.run('logs', 'keys-gateway')
    expect(status, said).toBe('0\n')
    expect(said.trim().split('\n')).toEqual([
      'mcp-api-key-alice-1 user-1 mcp-viewer+mcp-dba 65534',
      'unknown',
      'unknown',
      'malformed',
    ])
  },
)
