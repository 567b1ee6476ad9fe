// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Reentrant: when it gets an asset, a token or native coin, it makes the call that it was armed with.
/// @dev Notes whether that call went through and never fails itself, so a test sees what an attacker gains.
contract Reentrant {
    address private _target;
    uint256 private _value;
    bytes private _call;

    /// @notice Hooks that were called while armed.
    uint256 public attempts;
    /// @notice Armed calls that went through.
    uint256 public successes;
    /// @notice First bytes of what the last armed call returned.
    bytes4 public answer;

    /// @dev The call that was to be made failed.
    error CallFailed(address target, bytes reason);

    receive() external payable {
        _strike();
    }

    /// @notice Say what to call from now on; the zero target disarms.
    function arm(address target, uint256 value, bytes calldata data) external {
        (_target, _value, _call) = (target, value, data);
    }

    /// @notice Make a call as this contract.
    function act(address target, uint256 value, bytes calldata data) external payable {
        (bool done, bytes memory reason) = target.call{value: value}(data);
        if (!done) revert CallFailed(target, reason);
    }

    /// @notice A HookToken moves.
    function tokensMoved() external {
        _strike();
    }

    /// @notice An asset came.
    function onERC721Received(address, address, uint256, bytes calldata) external returns (bytes4) {
        _strike();
        return this.onERC721Received.selector;
    }

    function _strike() private {
        if (_target == address(0)) return;
        ++attempts;
        (bool done, bytes memory returned) = _target.call{value: _value}(_call);
        if (done) ++successes;
        answer = bytes4(returned);
    }
}
