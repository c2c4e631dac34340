<?php
// The guestbook's only endpoint. POST with "message" adds an entry at the master; GET lists them from a replica.
// Hosts come from the Service environment variables (GET_HOSTS_FROM=env) or from DNS (the default).
header('Content-Type: application/json');
header('X-Frontend: ' . gethostname());

function service(string $name): Redis {
    $host = $name;
    if (getenv('GET_HOSTS_FROM') === 'env') {
        $host = getenv(strtoupper(str_replace('-', '_', $name)) . '_SERVICE_HOST');
    }
    $redis = new Redis();
    $redis->connect($host, 6379, 2.0);
    return $redis;
}

try {
    if ($_SERVER['REQUEST_METHOD'] === 'POST') {
        $message = trim($_POST['message'] ?? '');
        if ($message === '' || strlen($message) > 1000) {
            http_response_code(400);
            echo json_encode(['error' => 'message must have 1 to 1000 bytes']);
            exit;
        }
        $redis = service('redis-master');
        $redis->rPush('messages', $message);
        $redis->rawCommand('WAIT', '1', '200');
        http_response_code(201);
        echo json_encode(['posted' => $message, 'frontend' => gethostname()]);
        exit;
    }
    $messages = service('redis-slave')->lRange('messages', 0, -1);
    echo json_encode(['messages' => $messages, 'frontend' => gethostname()]);
} catch (RedisException $e) {
    http_response_code(503);
    echo json_encode(['error' => $e->getMessage(), 'frontend' => gethostname()]);
}
