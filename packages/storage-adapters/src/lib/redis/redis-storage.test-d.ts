import { Cluster, Redis } from 'ioredis'
import { Cluster as Cluster6, Redis as Redis6 } from 'ioredis6'
import { createClient, createClientPool, createCluster, createSentinel } from 'redis'
import { createClient as createClient5, createCluster as createCluster5 } from 'redis5'
import { redisStorage } from '../../redis.js'

// Client objects of every supported library are accepted as their own types say they are.
redisStorage(new Redis())
redisStorage(new Cluster([]))
redisStorage(new Redis6())
redisStorage(new Cluster6([]))
redisStorage(createClient())
redisStorage(createCluster({ rootNodes: [] }))
redisStorage(createSentinel({ name: 'm', sentinelRootNodes: [] }))
redisStorage(createClientPool())
redisStorage(createClient5())
redisStorage(createCluster5({ rootNodes: [] }))
