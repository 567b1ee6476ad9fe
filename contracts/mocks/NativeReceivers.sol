// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title RefusingReceiver: takes no native coin.
contract RefusingReceiver {
    /// @dev It never takes any.
    error Refused(uint256 amount);

    /// @dev The call that was to be made failed.
    error ActFailed(address target, bytes reason);

    receive() external payable {
        revert Refused(msg.value);
    }

    /// @notice Make a call as this contract.
    function act(address target, bytes calldata data) external payable {
        (bool done, bytes memory reason) = target.call{value: msg.value}(data);
        if (!done) revert ActFailed(target, reason);
    }
}

/// @title BurningReceiver: burns all the gas that it gets.
contract BurningReceiver {
    uint256 private _counter;

    receive() external payable {
        while (true) ++_counter;
    }
}

/// @title BombReceiver: answers with as many bytes as it was told to, as a return or as a revert.
contract BombReceiver {
    uint256 private immutable _size;
    bool private immutable _fails;

    constructor(uint256 size, bool fails) {
        _size = size;
        _fails = fails;
    }

    receive() external payable {
        (uint256 size, bool fails) = (_size, _fails);
        assembly {
            switch fails
            case 0 { return(0, size) }
            default { revert(0, size) }
        }
    }
}
