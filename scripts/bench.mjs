// Runs benchmarks by topic: `npm run bench -- storage` builds the packages and runs bench/storage.ts on them, as users
// get them: what runs TypeScript as it is gives each function its name at run time, a fifth of what is to be measured.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const topics = readdirSync(join(root, 'bench'))
  .filter((file) => file.endsWith('.ts') && file !== 'harness.ts')
  .map((file) => file.slice(0, -3))
const wanted = process.argv.slice(2)
const unknown = wanted.filter((topic) => !topics.includes(topic))

if (wanted.length === 0 || unknown.length > 0) {
  if (unknown.length > 0) console.error(`There is no benchmark of: ${unknown.join(', ')}`)
  console.error(`Usage: npm run bench -- <topic>...\nTopics: ${topics.join(', ') || 'none yet'}`)
  process.exit(1)
}

const build = spawnSync('npm', ['run', '--silent', 'build', '--', '--filter=./packages/*'], {
  cwd: root,
  stdio: ['ignore', 'ignore', 'inherit'],
})
if (build.status !== 0) process.exit(build.status ?? 1)

for (const topic of wanted) {
  const flags = ['--import', 'tsx', '--expose-gc']
  const { status } = spawnSync(process.execPath, [...flags, join(root, 'bench', `${topic}.ts`)], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, NODE_ENV: 'production' },
  })
  if (status !== 0) process.exit(status ?? 1)
}
